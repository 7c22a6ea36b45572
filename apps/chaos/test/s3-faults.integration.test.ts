import { registerFaults } from "./register-faults.ts";

await registerFaults("s3");
