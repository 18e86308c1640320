/**
 * ESLint rule: the lines of a function without those of the functions inside it. A factory holds its methods like a
 * class, so each of them is measured by itself.
 */
export const ownLines = {
  meta: {
    type: 'suggestion',
    schema: [{ type: 'integer', minimum: 1 }],
    messages: { long: '{{lines}} lines of its own, {{max}} are allowed: split this function.' },
  },
  create(context) {
    const [max] = context.options
    /** Lines of the functions inside each enclosing function, innermost last. */
    const inner = []
    const enter = () => inner.push(0)
    const leave = (node) => {
      const { start, end } = node.loc
      const nested = inner.pop()
      const lines = end.line - start.line + 1 - nested
      if (lines > max) context.report({ node, messageId: 'long', data: { lines, max } })
      // The first and the last line of a function belong to the one around it.
      if (inner.length > 0) inner[inner.length - 1] += Math.max(0, end.line - start.line - 1)
    }
    const kinds = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']
    return Object.fromEntries(
      kinds.flatMap((kind) => [
        [kind, enter],
        [`${kind}:exit`, leave],
      ]),
    )
  },
}
