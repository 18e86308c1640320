import SerializerSelector from '@fastify/fast-json-stringify-compiler'
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import type { FastifySchemaCompiler } from 'fastify'
import type { FastifySerializerCompiler } from 'fastify/types/schema.js'

/**
 * Compiles response serializers when they are first used, once per schema: every route shares the failure envelope. All
 * of them at startup would take a fifth of it.
 */
export function createSerializerCompiler(): FastifySerializerCompiler<unknown> {
  const compile = SerializerSelector()()
  const compiled = new WeakMap<object, ReturnType<typeof compile>>()
  const serializerOf = (route: Parameters<typeof compile>[0]) => {
    const { schema } = route
    if (typeof schema !== 'object' || schema === null) return compile(route)
    const known = compiled.get(schema) ?? compile(route)
    compiled.set(schema, known)
    return known
  }
  return ({ schema, method, url, httpStatus = '' }) => {
    let serialize: ReturnType<typeof compile> | undefined
    return (data) => {
      serialize ??= serializerOf({ schema, method, url, httpStatus })
      return serialize(data)
    }
  }
}

/** Compiles validators when they are first used. */
export const compileValidator: FastifySchemaCompiler<
  Parameters<typeof TypeBoxValidatorCompiler>[0]['schema']
> = (route) => {
  let validate: ReturnType<typeof TypeBoxValidatorCompiler> | undefined
  return (data) => {
    validate ??= TypeBoxValidatorCompiler(route)
    return validate(data)
  }
}
