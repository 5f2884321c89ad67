import underPressure from '@fastify/under-pressure'
import type { CreateShop, Protect } from './protection.ts'
import { shopOf } from './protection.ts'
import { underPressureOptions } from './under-pressure-options.ts'

export const protect: Protect = async (app) => {
  await app.register(underPressure, underPressureOptions)
  return (pool) => (sql, values) => pool.query(sql, values)
}

export const createShop: CreateShop = shopOf(protect)
