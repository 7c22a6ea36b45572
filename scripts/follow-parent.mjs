// Preloaded into a program that runs in the foreground: it must not outlive the script that started it, even one that
// was killed and could forward nothing.
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
// Listening must not keep a program alive that is done.
process.channel?.unref();
