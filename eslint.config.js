import tseslint from 'typescript-eslint'

/** An import that a folder may not make, with the sentence the offender reads. */
const never = (regex, message) => ({ regex, message })

const upward = never(
  '(^|/)(features|app|main)(/|\\.ts$)',
  'Arrows point down: the shared floor never imports a feature, app.ts or main.ts. Offer a hook instead.',
)
const framework = never(
  '^(fastify|@fastify/.*|ws)$',
  'Only index.ts, routes.ts, plugins/ and the socket connection know Fastify or ws; a service is built by hand in a test.',
)
const tables = never(
  '(^|/)db/schema(/|$)',
  'Only a repository.ts imports tables; ask the repository of this room for what you need.',
)
const neighbours = never(
  '^\\.\\./[a-z][a-z-]*/',
  'A feature never imports its neighbour: use the decorator it offers and name it in the plugin dependencies.',
)

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
    files: ['src/domain/**/*.ts'],
    rules: restrict(
      never('^[^.]', 'domain/ is pure knowledge: it imports no package and no Node module.'),
      never(
        '(^|/)(lib|db|plugins|features|app|main|config|errors)(/|\\.ts$)',
        'domain/ imports nothing but domain/.',
      ),
    ),
  },
  {
    files: ['src/lib/**/*.ts'],
    rules: restrict(
      framework,
      never(
        '(^|/)(domain|db|plugins|features|app|main|config|errors)(/|\\.ts$)',
        'lib/ holds technical helpers without domain: it imports nothing of ours.',
      ),
    ),
  },
  {
    files: ['src/db/**/*.ts'],
    rules: restrict(
      upward,
      framework,
      never('(^|/)plugins/', 'plugins/ stand on db/, not the other way round.'),
    ),
  },
  { files: ['src/models/**/*.ts'], rules: restrict(upward, framework) },
  {
    files: ['src/plugins/**/*.ts'],
    rules: restrict(upward, never('(^|/)db/schema/', 'plugins/ ask db/ modules, not tables.')),
  },
  { files: ['src/features/**/*.ts'], rules: restrict(neighbours, tables, framework) },
  { files: ['src/features/*/{index,routes,connection}.ts'], rules: restrict(neighbours, tables) },
  {
    files: ['src/features/*/repository.ts', 'src/features/*/*/repository.ts'],
    rules: restrict(neighbours, framework),
  },
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
