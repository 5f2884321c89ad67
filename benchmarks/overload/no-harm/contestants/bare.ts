import type { Protect } from '../../contestants/protection.ts'

export const protect: Protect = () => (pool) => (sql, values) => pool.query(sql, values)
