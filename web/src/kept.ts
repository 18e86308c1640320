/** Where site data is blocked, reading `localStorage` throws: then it is kept until the page is closed. */
function createKeeper(storage: () => Storage) {
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
        // nothing was kept there
      }
    },
  }
}

export const onDevice = createKeeper(() => localStorage)
export const inTab = createKeeper(() => sessionStorage)
