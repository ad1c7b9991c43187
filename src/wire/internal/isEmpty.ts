/** Whether a record has no keys, without a list of them. */
export const isEmpty = (record: object): boolean => {
  for (const _ in record) return false
  return true
}
