/**
 * Writes the client's type declarations, usable without this project's dependencies: route schemas are replaced by the
 * plain types they describe. `npm run check` checks the types.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const path = (relative: string) => fileURLToPath(new URL(`../${relative}`, import.meta.url))
const OUT = path('dist/client/types/')
const INDENT = '  '

const config = ts.getParsedCommandLineOfConfigFile(
  path('client/tsconfig.build.json'),
  {},
  {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (fault) => {
      throw new Error(ts.flattenDiagnosticMessageText(fault.messageText, '\n'))
    },
  },
)
if (config === undefined) throw new Error('client/tsconfig.build.json is missing')
const program = ts.createProgram(config.fileNames, config.options)
const checker = program.getTypeChecker()

/** Prints a type in full, without references to other modules. */
function printType(type: ts.Type, indent = ''): string {
  if (type.getSymbol()?.name === 'FormData') return 'FormData'
  if (type.flags & ts.TypeFlags.Boolean) return 'boolean'
  if (type.isUnion()) {
    const parts = [...new Set(type.types.map((part) => printType(part, indent)))]
    const both = parts.includes('true') && parts.includes('false')
    return [
      ...parts.filter((part) => !both || (part !== 'true' && part !== 'false')),
      ...(both ? ['boolean'] : []),
    ].join(' | ')
  }
  if (type.isIntersection() || type.flags & ts.TypeFlags.Object) return printObject(type, indent)
  return checker.typeToString(type, undefined, ts.TypeFormatFlags.NoTruncation)
}

function printObject(type: ts.Type, indent: string): string {
  if (checker.isTupleType(type))
    return `[${checker
      .getTypeArguments(type as ts.TypeReference)
      .map((one) => printType(one, indent))
      .join(', ')}]` // a tuple is a reference
  if (checker.isArrayType(type)) {
    const [element] = checker.getTypeArguments(type as ts.TypeReference) // an array is a reference
    const printed = element === undefined ? 'unknown' : printType(element, indent)
    return `${type.getSymbol()?.name === 'ReadonlyArray' ? 'readonly ' : ''}(${printed})[]`
  }
  const deeper = indent + INDENT
  const fields = checker.getPropertiesOfType(type).map((field) => {
    const isOptional = (field.flags & ts.SymbolFlags.Optional) !== 0
    const found = checker.getTypeOfSymbol(field)
    const name = /^[A-Za-z_$][\w$]*$/.test(field.name) ? field.name : JSON.stringify(field.name)
    return `${deeper}${name}${isOptional ? '?' : ''}: ${printType(found, deeper)}`
  })
  const indices = checker
    .getIndexInfosOfType(type)
    .map(({ keyType, type: value }) => `${deeper}[key: ${printType(keyType)}]: ${printType(value, deeper)}`)
  const lines = [...fields, ...indices]
  return lines.length === 0 ? '{}' : `{\n${lines.join('\n')}\n${indent}}`
}

const routes = program.getSourceFile(path('client/routes.ts'))
const symbol = routes && checker.getSymbolAtLocation(routes)
const table = symbol && checker.getExportsOfModule(symbol).find(({ name }) => name === 'Routes')
if (table === undefined) throw new Error('client/routes.ts does not export Routes')
const printed = printType(checker.getDeclaredTypeOfSymbol(table))
program.emit()
const built = await readFile(`${OUT}client/routes.d.ts`, 'utf8')
const rest = built.slice(built.indexOf('/** Aborts the call. */'))
await writeFile(
  `${OUT}client/routes.d.ts`,
  `/** REST calls with their input and data, printed from the schemas that the server validates with. */\nexport type Routes = ${printed}\n${rest}`,
)
// Only what the client's declarations import is kept.
for (const name of await readdir(`${OUT}src`))
  if (name !== 'domain') await rm(`${OUT}src/${name}`, { recursive: true })
