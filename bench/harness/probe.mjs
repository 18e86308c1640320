// Loaded before a measured program: reports its memory and CPU time on request, and ends it with the bench.
process.on('message', (question) => {
  if (question === 'collect') {
    globalThis.gc()
    globalThis.gc()
  }
  const { rss, heapUsed } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  process.send({ rss, heapUsed, cpuMs: (user + system) / 1000 })
})
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))
process.channel.unref()
