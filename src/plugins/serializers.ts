import SerializerSelector from '@fastify/fast-json-stringify-compiler'
import type { FastifySerializerCompiler } from 'fastify/types/schema.js'

/**
 * What writes answers by their schemas, compiled once for each schema and not for each route: the failure envelope is an
 * answer of all of them, and compiling it everywhere took a tenth of the time to start.
 */
export function createSerializerCompiler(): FastifySerializerCompiler<unknown> {
  const compile = SerializerSelector()()
  const compiled = new WeakMap<object, ReturnType<typeof compile>>()
  return ({ schema, method, url, httpStatus = '' }) => {
    const route = { schema, method, url, httpStatus }
    if (typeof schema !== 'object' || schema === null) return compile(route)
    const known = compiled.get(schema) ?? compile(route)
    compiled.set(schema, known)
    return known
  }
}
