import process from 'node:process'
import { serve } from './serve.ts'

// The server's process: `npm start`, the image, and `maeum start`, which calls the same function.
if (!(await serve())) process.exitCode = 1
