/** Answers each message with itself, over the channel of `child_process.fork`. */
process.on("message", (message) => process.send!(message))
