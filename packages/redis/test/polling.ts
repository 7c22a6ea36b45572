const TRIES = 3000;
const PAUSE_MS = 10;

/** What `call` gives as soon as it neither rejects nor throws: for servers that come and go in their own time. */
export async function eventually<T>(call: () => T | Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call();
    } catch (error) {
      if (tries >= TRIES) throw error;
      await new Promise((resolve) => {
        setTimeout(resolve, PAUSE_MS);
      });
    }
  }
}
