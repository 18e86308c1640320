import tseslint from 'typescript-eslint'
import { ownLines } from './scripts/lint/own-lines.mjs'

/** An import that a folder may not make, with the sentence the offender reads. */
const never = (regex, message) => ({ regex, message })

const upward = never(
  '(^|/)(features|live|app|main|serve|cli|doctor)(/|\\.ts$)',
  'Imports point down: shared code never imports a feature, live/, app.ts or main.ts. Offer a hook instead.',
)
const framework = never(
  '^(fastify|@fastify/.*|ws)$',
  'Only index.ts, routes.ts, plugins/ and the socket connection use Fastify or ws; a test creates a service by hand.',
)
const tables = never(
  '(^|/)db/schema(/|$)',
  'Only a repository.ts imports tables; call the repository of this feature.',
)
const neighbours = never(
  '^\\.\\./[a-z][a-z-]*/',
  'A feature never imports its neighbour: use the decorator that it offers and name it in the plugin dependencies.',
)
const commands = never(
  '(^|/)(cli|doctor|dossier)/',
  'The command line, its checks and documents are the top layer: they use the layers below; nothing imports them.',
)
const features = never(
  '(^|/)(features|app|main|serve|cli|doctor)(/|\\.ts$)',
  'live/ is below the features: it uses their decorators.',
)

const MAX_FILE_LINES = 300
const MAX_FUNCTION_LINES = 60
const MAX_PARAMETERS = 4

const restrict = (...patterns) => ({ 'no-restricted-imports': ['error', { patterns }] })

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.tap/', '.data/', 'drizzle/', '**/*.js', '**/*.mjs'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-empty-function': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      // Fastify is extended by merging into its interfaces, which only an interface can do.
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/only-throw-error': 'error',
    },
  },
  {
    files: ['{src,client,web,demo,bench,scripts,gemini-double}/**/*.ts'],
    plugins: { maeum: { rules: { 'own-lines': ownLines } } },
    rules: {
      'max-lines': ['error', MAX_FILE_LINES],
      'maeum/own-lines': ['error', MAX_FUNCTION_LINES],
      'max-params': ['error', MAX_PARAMETERS],
    },
  },
  // Flat tables: cues, measures, variables (`.env.example` follows their order), texts of console, CLI and doctor.
  {
    files: [
      'src/domain/crisis/cues.ts',
      'src/domain/face/measure-table.ts',
      'src/cli/texts.ts',
      'src/doctor/findings.ts',
      'src/config/variables.ts',
      'web/src/words/catalogue.ts',
    ],
    rules: { 'max-lines': 'off' },
  },
  // Positional rows of a table: a measure, and the schema of a message with its example.
  {
    files: ['src/domain/face/measure-table.ts', 'src/protocol/channels/{client,frame}.ts'],
    rules: { 'max-params': 'off' },
  },
  // One state machine over the held leases: a further cut would part the renewal from what reads its state.
  {
    files: ['src/live/leases/leases.ts'],
    rules: { 'maeum/own-lines': 'off' },
  },
  {
    files: ['src/domain/**/*.ts'],
    rules: restrict(
      never('^[^.]', 'domain/ is pure knowledge: it imports no package and no Node module.'),
      never(
        '(^|/)(lib|protocol|db|config|http|models|plugins|live|features|app|main|serve|cli|doctor)(/|\\.ts$)',
        'domain/ imports only domain/.',
      ),
    ),
  },
  {
    files: ['src/lib/**/*.ts'],
    rules: restrict(
      framework,
      never(
        '(^|/)(domain|protocol|db|config|http|models|plugins|live|features|app|main|serve|cli|doctor)(/|\\.ts$)',
        'lib/ holds technical helpers without domain: it imports only lib/.',
      ),
    ),
  },
  {
    files: ['src/protocol/**/*.ts'],
    rules: restrict(
      framework,
      never(
        '(^|/)(db|config|http|models|plugins|live|features|app|main|serve|cli|doctor)(/|\\.ts$)',
        'protocol/ is shared with the client: it imports only domain/ and lib/.',
      ),
    ),
  },
  {
    files: ['src/{config,db}/**/*.ts'],
    rules: restrict(
      upward,
      framework,
      never('(^|/)(http|models|plugins)/', 'config/ and db/ are below http/, models/ and plugins/.'),
    ),
  },
  {
    files: ['src/http/**/*.ts'],
    rules: restrict(upward, tables, never('(^|/)plugins/', 'plugins/ use http/, not the other way round.')),
  },
  { files: ['src/models/**/*.ts'], rules: restrict(upward, framework, tables) },
  { files: ['src/models/**/repository.ts'], rules: restrict(upward, framework) },
  { files: ['src/plugins/**/*.ts'], rules: restrict(upward, tables) },
  { files: ['src/live/**/*.ts'], rules: restrict(features, tables, framework) },
  { files: ['src/live/**/{index,routes,connection}.ts'], rules: restrict(features, tables) },
  { files: ['src/live/**/*repository.ts'], rules: restrict(features, framework) },
  { files: ['src/features/**/*.ts'], rules: restrict(neighbours, tables, framework, commands) },
  { files: ['src/features/*/{index,routes}.ts'], rules: restrict(neighbours, tables, commands) },
  {
    files: ['src/features/*/repository.ts', 'src/features/*/*/repository.ts'],
    rules: restrict(neighbours, framework, commands),
  },
  {
    files: ['src/doctor/**/*.ts'],
    rules: restrict(
      tables,
      framework,
      never(
        '(^|/)(cli|app|main|serve|plugins|live)(/|\\.ts$)',
        'doctor/ is used by cli/ and starts no server.',
      ),
    ),
  },
  {
    files: ['src/dossier/**/*.ts'],
    rules: restrict(
      tables,
      framework,
      never(
        '(^|/)(cli|doctor|app|main|serve|features|live|models|plugins|http)(/|\\.ts$)',
        'dossier/ is used by cli/ and reads only the configuration, the schema and the domain.',
      ),
    ),
  },
  {
    files: ['src/backup/**/*.ts'],
    rules: restrict(
      tables,
      framework,
      never(
        '(^|/)(http|models|plugins|live|features|app|main|serve|cli|doctor)(/|\\.ts$)',
        'backup/ is above db/ only, and used by cli/.',
      ),
    ),
  },
  { files: ['src/cli/**/*.ts'], ignores: ['**/repository.ts'], rules: restrict(tables) },
  { files: ['src/app.ts', 'src/serve.ts'], rules: restrict(commands) },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', package: '@tapjs/test', name: ['test'] }] },
      ],
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
)
