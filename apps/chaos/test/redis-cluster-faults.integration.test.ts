import { registerFaults } from "./register-faults.ts";

await registerFaults("redis-cluster");
