/** What can go wrong in a simulated network, and how often. Decides the defaults: a good network with some delay. */

/** Ratios are from 0 to 1. Change them at any time with `setFaults`. */
export interface NetworkFaults {
  /** One-way delay, uniform in this range, in ms. @defaultValue [1, 5] */
  readonly delayMs?: readonly [min: number, max: number] | undefined
  /** @defaultValue 0 */
  readonly loss?: number | undefined
  /** Ratio of messages that arrive twice. @defaultValue 0 */
  readonly duplication?: number | undefined
  /** Ratio of messages that may overtake others. The rest keep their order, as on one connection. @defaultValue 0 */
  readonly reorder?: number | undefined
  /** Time from a break to `peer(id, false)`, and from its mending to `peer(id, true)`. @defaultValue [1, 50] */
  readonly noticeMs?: readonly [min: number, max: number] | undefined
  /** Breaks are not noticed: half-open connections, a cable pulled. @defaultValue false */
  readonly silent?: boolean | undefined
}

/** {@link NetworkFaults} with every default filled in. */
export interface Faults {
  readonly delayMs: readonly [min: number, max: number]
  readonly loss: number
  readonly duplication: number
  readonly reorder: number
  readonly noticeMs: readonly [min: number, max: number]
  readonly silent: boolean
}

export const FAULTLESS: Faults = {
  delayMs: [1, 5],
  loss: 0,
  duplication: 0,
  reorder: 0,
  noticeMs: [1, 50],
  silent: false,
}

/** What `change` does not say stays as it is. */
export function withFaults(faults: Faults, change: NetworkFaults): Faults {
  return {
    delayMs: change.delayMs ?? faults.delayMs,
    loss: change.loss ?? faults.loss,
    duplication: change.duplication ?? faults.duplication,
    reorder: change.reorder ?? faults.reorder,
    noticeMs: change.noticeMs ?? faults.noticeMs,
    silent: change.silent ?? faults.silent,
  }
}
