/** Events in the order of their time; among equals the one that was put in first. A binary heap. */

interface Item<T> {
  readonly at: number
  readonly order: number
  readonly value: T
}

export class EventQueue<T> {
  #heap: Item<T>[] = []
  #order = 0

  get size(): number {
    return this.#heap.length
  }

  push(at: number, value: T): void {
    const item: Item<T> = { at, order: this.#order, value }
    this.#order += 1
    let i = this.#heap.push(item) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!this.#before(item, this.#heap[parent])) break
      this.#heap[i] = this.#heap[parent] ?? item
      i = parent
    }
    this.#heap[i] = item
  }

  pop(): { readonly at: number; readonly value: T } | undefined {
    const first = this.#heap[0]
    const last = this.#heap.pop()
    if (first === undefined || last === undefined || this.#heap.length === 0) return first
    let i = 0
    for (;;) {
      const left = 2 * i + 1
      const right = left + 1
      const child = this.#before(this.#heap[right], this.#heap[left]) ? right : left
      const next = this.#heap[child]
      if (next === undefined || !this.#before(next, last)) break
      this.#heap[i] = next
      i = child
    }
    this.#heap[i] = last
    return first
  }

  #before(a: Item<T> | undefined, b: Item<T> | undefined): boolean {
    if (a === undefined) return false
    if (b === undefined) return true
    return a.at === b.at ? a.order < b.order : a.at < b.at
  }
}
