/**
 * Types of the client for projects without this one's dependencies: the schemas of the routes are replaced by the plain
 * types they stand for. Runs after `tsc -p client/tsconfig.build.json`.
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
if (config === undefined) throw new Error('client/tsconfig.build.json is not there')
const program = ts.createProgram(config.fileNames, config.options)
const checker = program.getTypeChecker()

/** The type spelled out, without a name of another module in it. */
function spell(type: ts.Type, indent = ''): string {
  if (type.getSymbol()?.name === 'FormData') return 'FormData'
  if (type.flags & ts.TypeFlags.Boolean) return 'boolean'
  if (type.isUnion()) {
    const parts = [...new Set(type.types.map((part) => spell(part, indent)))]
    const both = parts.includes('true') && parts.includes('false')
    return [
      ...parts.filter((part) => !both || (part !== 'true' && part !== 'false')),
      ...(both ? ['boolean'] : []),
    ].join(' | ')
  }
  if (type.isIntersection() || type.flags & ts.TypeFlags.Object) return spellObject(type, indent)
  return checker.typeToString(type, undefined, ts.TypeFormatFlags.NoTruncation)
}

function spellObject(type: ts.Type, indent: string): string {
  if (checker.isTupleType(type))
    return `[${checker
      .getTypeArguments(type as ts.TypeReference)
      .map((one) => spell(one, indent))
      .join(', ')}]` // a tuple is a reference
  if (checker.isArrayType(type)) {
    const [element] = checker.getTypeArguments(type as ts.TypeReference) // an array is a reference
    const spelled = element === undefined ? 'unknown' : spell(element, indent)
    return `${type.getSymbol()?.name === 'ReadonlyArray' ? 'readonly ' : ''}(${spelled})[]`
  }
  const deeper = indent + INDENT
  const fields = checker.getPropertiesOfType(type).map((field) => {
    const isOptional = (field.flags & ts.SymbolFlags.Optional) !== 0
    const found = checker.getTypeOfSymbol(field)
    const name = /^[A-Za-z_$][\w$]*$/.test(field.name) ? field.name : JSON.stringify(field.name)
    return `${deeper}${name}${isOptional ? '?' : ''}: ${spell(found, deeper)}`
  })
  const indices = checker
    .getIndexInfosOfType(type)
    .map(({ keyType, type: value }) => `${deeper}[key: ${spell(keyType)}]: ${spell(value, deeper)}`)
  const lines = [...fields, ...indices]
  return lines.length === 0 ? '{}' : `{\n${lines.join('\n')}\n${indent}}`
}

const routes = program.getSourceFile(path('client/routes.ts'))
const symbol = routes && checker.getSymbolAtLocation(routes)
const table = symbol && checker.getExportsOfModule(symbol).find(({ name }) => name === 'Routes')
if (table === undefined) throw new Error('client/routes.ts exports no Routes')
const spelled = spell(checker.getDeclaredTypeOfSymbol(table))
const built = await readFile(`${OUT}client/routes.d.ts`, 'utf8')
const rest = built.slice(built.indexOf('/** Gives a call up. */'))
await writeFile(
  `${OUT}client/routes.d.ts`,
  `/** The server's REST calls: what each takes and gives, spelled out from the schemas that it validates with. */\nexport type Routes = ${spelled}\n${rest}`,
)
// Only what the client's own declarations name is left.
for (const name of await readdir(`${OUT}src`))
  if (name !== 'domain') await rm(`${OUT}src/${name}`, { recursive: true })
