/** The module of a manager that has only objects of this library. */
import * as Layer from "effect/Layer"

export default Layer.empty
