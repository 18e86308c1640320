// The bare routes: one row of the same tables, asked for by its key, no token and no owner.
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
  const [[report], [session]] = await Promise.all([
    sql`select * from reports where session_id = ${params.session} limit 1`,
    sql`select * from sessions where id = ${params.session} limit 1`,
  ])
  return { success: true, data: { status: session.status, ...report.content.analysis } }
})
await app.listen({ port: Number(process.env.PORT), host: process.env.HOST })
