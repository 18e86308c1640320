// The minimal routes: the same rows by the same prepared statements, without token, owner check and schema.
import Fastify from 'fastify'
import postgres from 'postgres'

const url = new URL(process.env.DATABASE_URL.replace('@/', '@localhost/'))
const sql = postgres({
  path: `${url.searchParams.get('host')}/.s.PGSQL.5432`,
  user: url.username,
  database: url.pathname.slice(1),
  max: Number(process.env.DATABASE_POOL_MAX),
})

const app = Fastify()
app.get('/', () => ({ ok: true }))
app.get('/preferences/:user', async ({ params }) => {
  const [row] = await sql`select preferences from user_preferences where user_id = ${params.user} limit 1`
  return { success: true, data: row.preferences }
})
app.get('/summary/:session', async ({ params }) => {
  const [row] = await sql`
    select s.id, s.user_id, s.labels, s.language, s.status, s.started_at, s.ended_at, s.finalised_at,
      r.id as report_id, r.version, r.generated_at,
      r.content - array['emotionTimeline', 'vadTimeline', 'cbtFindings'] as content
    from sessions s left join reports r on r.session_id = s.id where s.id = ${params.session} limit 1`
  return { success: true, data: { status: row.status, ...row.content.analysis } }
})
await app.listen({ port: Number(process.env.PORT), host: process.env.HOST })
