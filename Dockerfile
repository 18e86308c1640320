FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY scripts/build-server.mjs ./scripts/
COPY src ./src
COPY client ./client
COPY web ./web
COPY demo ./demo
RUN npm run build

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && npm cache clean --force
COPY drizzle ./drizzle
# Figures of `maeum dossier`.
COPY docs/accuracy.json ./docs/
# What `npm start` and the tools of the operator (`npm run audit`, `db:migrate`, ...) look at first.
COPY scripts/ensure-build.mjs ./scripts/
COPY --from=build /app/dist ./dist

# Used only with DATABASE_EMBEDDED=true; mount a volume here then.
ENV DATA_DIR=/data
RUN mkdir /data && chown node:node /data

ARG GIT_COMMIT=unknown
ENV GIT_COMMIT=$GIT_COMMIT
# The account `node`, as a number: Kubernetes can then verify that it is not root.
USER 1000:1000
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=90s \
  CMD ["node", "-e", "fetch('http://localhost:' + (process.env.PORT || 8000) + '/api/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js"]
