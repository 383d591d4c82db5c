/**
 * One coordinator for the session's whole life, whoever hosts the member: delegates to the present one, and carries
 * callers over when the host dies. Decides what is true in between; who becomes host is `seat.ts`.
 */

import { isOlder } from "../core/refresh/head.ts"
import { QuorateError } from "../core/base/errors.ts"
import type { ProviderSettings } from "../core/oauth/types.ts"
import type { TakeOverPreview } from "../core/refresh/takeover.ts"
import type { MemberId } from "../core/refresh/types.ts"
import { STATUS_ZERO } from "../machine/guest-fields.ts"
import { derived, sameToken } from "../coordination/guest.ts"
import type { Clock } from "../ports/clock.ts"
import type {
  ClusterStatus,
  Coordinator,
  CoordinatorEvent,
  CurrentToken,
  LoginTokens,
} from "../ports/coordinator.ts"

/** How long a request waits for a host, in ms. */
const PATIENCE_MS = 30_000
/** A demand older than this is nobody's any more: callers wait 30 s unless they say otherwise, and ask again. */
const DEMAND_MS = 60_000

interface Demand {
  readonly epoch: number
  readonly generation: number
  readonly force: boolean
  readonly atMs: number
}

interface Waiter {
  readonly settle: (coordinator: Coordinator) => void
  readonly fail: (error: QuorateError) => void
}

export class Switchboard implements Coordinator {
  readonly #clock: Clock
  readonly #leave: () => Promise<void>
  readonly #listeners = new Set<(event: CoordinatorEvent) => void>()
  readonly #waiters = new Set<Waiter>()
  #current: Coordinator | null = null
  /** The present host may know less than what the last one told ({@link Switchboard.#ahead}). */
  #mayBeBehind = false
  #unsubscribe: () => void = () => {}
  /** As it was when the last host was lost. */
  #token: CurrentToken | null = null
  #announced: CurrentToken | null = null
  #status: ClusterStatus
  #told: Pick<ClusterStatus, "stage" | "sinceMs"> | null = null
  /** What was told last before the present host: it knows only its own beginning. */
  #carried: Pick<ClusterStatus, "stage" | "sinceMs"> | null = null
  #provider: ProviderSettings | null = null
  #trouble = "host_lost"
  #demand: Demand | null = null
  #closed = false

  /** @param leave closes what is connected and what is sought; called once, by {@link Switchboard.close}. */
  constructor(clock: Clock, leave: () => Promise<void>) {
    this.#clock = clock
    this.#leave = leave
    this.#status = { ...STATUS_ZERO, cause: "starting", sinceMs: clock.wallMs() }
  }

  /** From now on `coordinator` speaks: listeners hear what has changed, and what is still wanted is asked for again. */
  connect(coordinator: Coordinator): void {
    if (this.#closed) return
    this.#current = coordinator
    this.#mayBeBehind = true
    this.#carried = this.#told
    this.#unsubscribe = coordinator.subscribe((event) => this.#tell(event))
    const token = this.token()
    this.#tell({ type: "token", token })
    this.#emit({ type: "status", status: this.status() })
    const demand = this.#demand
    if (demand !== null && this.#clock.nowMs() - demand.atMs < DEMAND_MS && older(demand, token)) {
      coordinator.demand(demand.epoch, demand.generation, demand.force)
    }
    for (const waiter of this.#waiters) waiter.settle(coordinator)
  }

  /** The host is gone. What it told last is served until there is another; a valid token stays valid. */
  disconnect(): void {
    const coordinator = this.#current
    if (coordinator === null || this.#closed) return
    const [token, status] = [this.token(), this.status()]
    this.#token = token
    this.#status = status
    this.#provider = coordinator.provider()
    this.#trouble = "host_lost"
    this.#unsubscribe()
    this.#current = null
    this.#emit({ type: "status", status: this.status() })
  }

  /** Why there is no host yet: the cause of the status from here on, such as `host_silent`. */
  explain(cause: string): void {
    if (this.#current !== null || this.#trouble === cause || this.#closed) return
    this.#trouble = cause
    this.#emit({ type: "status", status: this.status() })
  }

  start(): Promise<void> {
    return Promise.resolve()
  }

  token(): CurrentToken | null {
    if (this.#current === null || this.#isBehind(this.#current)) return this.#token
    return this.#current.token()
  }

  demand(epoch: number, generation: number, force: boolean): void {
    this.#demand = { epoch, generation, force, atMs: this.#clock.nowMs() }
    this.#current?.demand(epoch, generation, force)
  }

  used(): void {
    this.#current?.used()
  }

  provider(): ProviderSettings | null {
    return this.#current === null ? this.#provider : this.#current.provider()
  }

  async configure(settings: ProviderSettings, clientSecret: string | null): Promise<void> {
    const coordinator = await this.#present()
    try {
      await coordinator.configure(settings, clientSecret)
    } catch (error) {
      if (this.#isPresent(coordinator)) throw error
      // It does nothing when it was done before: safe to ask again.
      await (await this.#present()).configure(settings, clientSecret)
    }
  }

  async login(login: LoginTokens): Promise<CurrentToken> {
    const coordinator = await this.#present()
    try {
      return await coordinator.login(login)
    } catch (error) {
      if (this.#isPresent(coordinator)) throw error
      // Never made again: had it been committed, and refreshed since, a second one would bring a spent token back.
      const token = (await this.#present()).token()
      if (token !== null && token.accessToken === login.tokens.accessToken) return token
      throw error
    }
  }

  async logout(): Promise<void> {
    const coordinator = await this.#present()
    try {
      await coordinator.logout()
    } catch (error) {
      if (this.#isPresent(coordinator)) throw error
      // Never asked again: by now it could end a login that came later.
      if ((await this.#present()).token() !== null) throw error
    }
  }

  async takeOver(preview: boolean): Promise<TakeOverPreview> {
    // Not asked again of the next host: a person accepted the cost once.
    return (await this.#present()).takeOver(preview)
  }

  async remove(member: MemberId, holderIsGone: boolean): Promise<void> {
    await (await this.#present()).remove(member, holderIsGone)
  }

  status(): ClusterStatus {
    const current = this.#current?.status() ?? null
    return this.#steady(current === null ? this.#since(this.#trouble) : this.#ahead(current))
  }

  subscribe(listener: (event: CoordinatorEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.disconnect()
    this.#closed = true
    const closed = new QuorateError("CLOSED", "retryable", "the session was closed")
    for (const waiter of this.#waiters) waiter.fail(closed)
    await this.#leave()
  }

  /** What was told last, as it reads now. */
  #since(trouble: string): ClusterStatus {
    return derived({ status: this.#status, token: this.#token }, this.#clock, trouble)
  }

  /**
   * A host that has just started knows of the newest commit only when it hears the others. Counter-example: the host is killed
   * when it has told its guests of generation 6; one of them takes over, with 5 committed as far as its disk tells, and all
   * would go back to an older token, for as long as there is no quorum. What was told last is served until then.
   */
  #ahead(status: ClusterStatus): ClusterStatus {
    if (this.#current === null || !this.#isBehind(this.#current, status)) return status
    const { cause, epoch, expiresAtMs, generation, sinceMs, stage } = this.#since(
      status.cause ?? "starting",
    )
    return { ...status, cause, epoch, expiresAtMs, generation, sinceMs, stage }
  }

  #isBehind(current: Coordinator, status?: ClusterStatus): boolean {
    if (!this.#mayBeBehind) return false
    this.#mayBeBehind = isOlder(status ?? current.status(), this.#status)
    return this.#mayBeBehind
  }

  /** A stage that goes on across hosts began when it began. */
  #steady(status: ClusterStatus): ClusterStatus {
    const { stage } = status
    if (this.#carried?.stage !== stage) this.#carried = null
    const sinceMs = Math.min(status.sinceMs, this.#carried?.sinceMs ?? Infinity)
    this.#told = { stage, sinceMs }
    return { ...status, sinceMs }
  }

  #isPresent(coordinator: Coordinator): boolean {
    return this.#current === coordinator || this.#closed
  }

  /** The present coordinator, or the next one. @throws QuorateError `TIMEOUT`, `CLOSED`. */
  #present(): Promise<Coordinator> {
    if (this.#current !== null) return Promise.resolve(this.#current)
    return new Promise((resolve, reject) => {
      if (this.#closed)
        return reject(new QuorateError("CLOSED", "retryable", "the session was closed"))
      const finish = (): void => {
        this.#waiters.delete(waiter)
        cancel()
      }
      const waiter: Waiter = {
        settle: (coordinator) => (finish(), resolve(coordinator)),
        fail: (error) => (finish(), reject(error)),
      }
      const cancel = this.#clock.timer(this.#clock.nowMs() + PATIENCE_MS, () => {
        const message = `the profile has no host since ${PATIENCE_MS} ms (${this.#trouble})`
        waiter.fail(new QuorateError("TIMEOUT", "retryable", message))
      })
      this.#waiters.add(waiter)
    })
  }

  /** A host that has just started tells of the token it found, which is no news for those who have it. */
  #tell(event: CoordinatorEvent): void {
    if (event.type === "status") {
      return this.#emit({ ...event, status: this.#steady(this.#ahead(event.status)) })
    }
    if (event.type === "token") {
      if (this.#current !== null && this.#isBehind(this.#current)) return
      if (sameToken(event.token, this.#announced)) return
      this.#announced = event.token
    }
    this.#emit(event)
  }

  #emit(event: CoordinatorEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}

/** The token is not what the demand asked for: nothing newer than what its caller had seen. */
function older(demand: Demand, token: CurrentToken | null): boolean {
  if (token === null) return true
  if (token.epoch !== demand.epoch) return token.epoch < demand.epoch
  return token.generation <= demand.generation
}
