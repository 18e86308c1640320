/** Rows of a list: by default, and at most. */
export const PAGE = 50
export const MAX_PAGE = 1000
