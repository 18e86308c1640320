/** The subprotocol that switches to the newer behaviour. Clients that do not request it get the older protocol. */
export const SUBPROTOCOL_V2 = 'maeum.v2'

/** Of one client message; a longer one closes the socket (1009). */
export const MAX_MESSAGE_BYTES = 256 * 1024
