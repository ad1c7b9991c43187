/** Sends back what it is sent. */
export default (payload: unknown): unknown => payload

export const pid = (): number => process.pid
