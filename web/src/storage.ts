/** Web storage with a fallback to memory: where site data is blocked, access to it throws. */
function createStorage(storage: () => Storage) {
  const memory = new Map<string, string>()
  return {
    get(key: string): string | null {
      try {
        return memory.get(key) ?? storage().getItem(key)
      } catch {
        return null
      }
    },
    set(key: string, value: string): void {
      try {
        storage().setItem(key, value)
      } catch {
        memory.set(key, value)
      }
    },
    remove(key: string): void {
      memory.delete(key)
      try {
        storage().removeItem(key)
      } catch {
        // storage is blocked
      }
    },
  }
}

export const deviceStorage = createStorage(() => localStorage)
export const tabStorage = createStorage(() => sessionStorage)
