/** What is sent in a handshake with sha256, as far as it has bytes, frames included. */
const frame = 4
const challengeSize = frame + "#CHALLENGE#{sha256}".length + 40
const answerSize = frame + "{sha256}".length + 32

export const challenge = Buffer.alloc(challengeSize)
export const answerAndChallenge = Buffer.alloc(answerSize + challengeSize)
export const welcomeAndAnswer = Buffer.alloc(frame + "#WELCOME#".length + answerSize)
export const welcome = Buffer.alloc(frame + "#WELCOME#".length)
