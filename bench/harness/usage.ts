import type { Cores } from './cores.ts'
import type { MeasuredProcess } from './measured-process.ts'

export type CoreUsage = {
  /** CPU time of the server, ms. */
  readonly serverMs: number
  /** CPU share of other programs on the server's core, 0 to 1; 0 if unknown. */
  readonly others: number
}

/** Usage of the server's core during `work`, to detect disturbance by other programs. */
export async function withUsage<T>(
  cores: Cores,
  server: MeasuredProcess,
  work: () => Promise<T>,
): Promise<T & CoreUsage> {
  const begun = Date.now()
  const busyBefore = cores.serverBusyMs()
  const before = await server.usage()
  const result = await work()
  const after = await server.usage()
  const busyAfter = cores.serverBusyMs()
  const serverMs = after.cpuMs - before.cpuMs
  const busyMs = (busyAfter ?? 0) - (busyBefore ?? 0)
  const others = busyAfter === undefined ? 0 : Math.max(0, busyMs - serverMs) / (Date.now() - begun)
  return { ...result, serverMs, others }
}
