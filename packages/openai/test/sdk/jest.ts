import { vi } from "vitest";

/** The SDK's tests were written for jest; what they use of it is called the same here. */
Object.assign(globalThis, { jest: vi });
