import type { Cores } from './cores.ts'
import type { MeasuredProcess } from './measured-process.ts'

export type CoreUsage = {
  /** Processor time that the server took, ms. */
  readonly serverMs: number
  /** Share of the server's core that went to programs of other people, 0 to 1; 0 when it cannot be known. */
  readonly others: number
}

/** Who used the server's core while `work` ran: on a shared machine a slow server may only have had slow neighbours. */
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
