import { normalizeIP } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'
import { toOwnForm } from '../lib/address.ts'

const NETWORK_BITS = 48

/** Identifies a caller without a user: the IPv4 address, or the network of an IPv6 address, all of which one client holds. */
export const callerAddress = ({ ip }: FastifyRequest): string => normalizeIP(toOwnForm(ip))

/** The larger network of an IPv6 address, as assigned to providers and companies; an IPv4 address as it is. */
export const networkOf = (address: string): string => normalizeIP(address, NETWORK_BITS)
