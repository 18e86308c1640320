type Pair = readonly [ko: string, en: string]

/** All findings, in Korean and English: what was found, and what to do. */
export const FINDINGS = {
  late: {
    cause: ['{seconds}초 안에 응답이 없습니다', 'no answer within {seconds} s'],
    mend: ['서버 또는 네트워크의 상태를 확인하십시오', 'check the load of the server and the network'],
  },
  'skipped.needs': { cause: ['{need} 점검을 통과하지 못해 건너뛰었습니다', '{need} has not succeeded'] },
  'skipped.setting': { cause: ['{name} 설정이 올바르지 않습니다', '{name} is not valid'] },

  'configuration.ok': { cause: ['모든 설정이 올바릅니다', 'all settings are valid'] },
  'variables.ok': { cause: ['이름이 잘못된 변수가 없습니다', 'no misspelt variable'] },
  'protections.state': {
    cause: [
      '암호화 {encryption}, 동의 {consent}, 티켓 {tickets}, 보존 기간 {retention}',
      'encryption {encryption}, consent {consent}, tickets {tickets}, retention {retention}',
    ],
  },
  'secret.generated': {
    cause: [
      'JWT_SECRET이 설정되지 않아 DATA_DIR에 생성된 시크릿을 사용합니다(개발용)',
      'JWT_SECRET is not set: a generated one in DATA_DIR is used, for development',
    ],
  },

  'node.ok': { cause: ['Node {version}', 'Node {version}'] },
  'node.old': {
    cause: ['Node {version}: {wanted} 버전이 필요합니다', 'Node {version}: {wanted} is required'],
    mend: ['Node를 업그레이드하십시오', 'upgrade Node'],
  },
  'memory.ok': {
    cause: ['힙 한도 {heap} MB, 메모리 {memory} MB', 'heap limit {heap} MB, memory {memory} MB'],
  },
  'memory.heap': {
    cause: [
      '힙 한도 {heap} MB가 메모리 {memory} MB에 비해 큽니다',
      'the heap limit of {heap} MB is high for {memory} MB of memory',
    ],
    mend: [
      'NODE_OPTIONS에 --max-old-space-size={wanted} 옵션을 설정하십시오',
      'set NODE_OPTIONS=--max-old-space-size={wanted}',
    ],
  },
  'disk.ok': { cause: ['{directory}: 여유 공간 {free} MB', '{directory}: {free} MB free'] },
  'disk.unused': { cause: ['데이터 폴더를 사용하지 않습니다', 'the data directory is not used'] },
  'disk.low': {
    cause: ['{directory}: 여유 공간이 {free} MB뿐입니다', '{directory}: only {free} MB free'],
    mend: [
      '공간을 확보하거나 DATA_DIR을 다른 디스크로 옮기십시오',
      'free space, or move DATA_DIR to another disk',
    ],
  },
  'disk.closed': {
    cause: ['{directory}에 쓸 수 없습니다', '{directory} is not writable'],
    mend: [
      '이 계정에 권한을 주거나 DATA_DIR을 변경하십시오',
      'give this account access, or set DATA_DIR to another directory',
    ],
  },

  'database.reachable': { cause: ['{description}', '{description}'] },
  'database.notice': {
    cause: ['{line}', '{line}'],
    mend: ['DATABASE_URL의 주소를 확인하십시오', 'check the address in DATABASE_URL'],
  },
  'database.embeddedNew': {
    cause: [
      '내장 데이터베이스는 첫 시작 시 생성됩니다',
      'the embedded database is created at the first start',
    ],
  },
  'database.embeddedInUse': {
    cause: [
      '실행 중인 서버가 내장 데이터베이스를 사용하고 있습니다: web.server 점검을 참고하십시오',
      'a running server uses the embedded database: see the check web.server',
    ],
  },
  'certificate.none': { cause: ['TLS를 사용하지 않습니다', 'the connection has no TLS'] },
  'certificate.ok': {
    cause: ['서버 인증서가 {days}일 동안 유효합니다', "the server's certificate is valid for {days} days"],
  },
  'certificate.ends': {
    cause: ['서버 인증서가 {days}일 후 만료됩니다', "the server's certificate ends in {days} days"],
    mend: ['데이터베이스 서버의 인증서를 갱신하십시오', 'renew the certificate of the database server'],
  },
  'certificate.ended': {
    cause: ['서버 인증서가 {days}일 전에 만료되었습니다', "the server's certificate ended {days} days ago"],
    mend: ['데이터베이스 서버의 인증서를 갱신하십시오', 'renew the certificate of the database server'],
  },
  'version.ok': { cause: ['PostgreSQL {version}', 'PostgreSQL {version}'] },
  'version.old': {
    cause: ['{line}', '{line}'],
    mend: ['PostgreSQL을 업그레이드하십시오', 'upgrade PostgreSQL'],
  },
  'settings.ok': {
    cause: [
      '인코딩과 설정이 올바릅니다({encoding})',
      'the encoding ({encoding}) and the settings are as required',
    ],
  },
  'writes.ok': { cause: ['쓰기가 가능한 주 서버입니다', 'a primary that accepts writes'] },
  'writes.standby': {
    cause: ['데이터베이스가 읽기 전용 대기 서버입니다', 'the database is a standby, which is read-only'],
    mend: ['DATABASE_URL에 주 서버의 주소를 설정하십시오', 'set DATABASE_URL to the address of the primary'],
  },
  'writes.readOnly': {
    cause: ['데이터베이스가 읽기 전용입니다', 'the database is read-only'],
    mend: [
      'default_transaction_read_only 설정을 해제하십시오: ALTER DATABASE {database} RESET default_transaction_read_only (역할과 서버 설정도 확인)',
      'reset default_transaction_read_only: ALTER DATABASE {database} RESET default_transaction_read_only (check the role and the server too)',
    ],
  },
  'clock.ok': { cause: ['시계 차이 {ms} ms', 'the clocks differ by {ms} ms'] },
  'pooler.none': { cause: ['풀러가 없습니다', 'no pooler'] },
  'pooler.session': { cause: ['세션 풀러를 사용합니다', 'a session pooler'] },
  'pooler.direct': {
    cause: ['풀러가 있고 DATABASE_DIRECT_URL이 설정되어 있습니다', 'a pooler; DATABASE_DIRECT_URL is set'],
  },
  'pooler.alone': {
    cause: [
      'DATABASE_URL이 트랜잭션 풀러이고 DATABASE_DIRECT_URL이 없습니다',
      'DATABASE_URL is a transaction pooler, and DATABASE_DIRECT_URL is not set',
    ],
    mend: [
      'DATABASE_DIRECT_URL에 직접 연결 또는 세션 풀러의 주소를 설정하십시오',
      'set DATABASE_DIRECT_URL to a direct or session-mode address',
    ],
  },
  'direct.same': {
    cause: ['DATABASE_URL의 연결을 사용합니다', 'the address of DATABASE_URL is used'],
  },
  'direct.ok': { cause: ['{description}', '{description}'] },
  'listen.ok': { cause: ['NOTIFY가 {ms} ms 만에 도착했습니다', 'a NOTIFY arrived after {ms} ms'] },
  'listen.silent': {
    cause: [
      'NOTIFY가 {seconds}초 안에 도착하지 않았습니다',
      'a NOTIFY did not arrive within {seconds} s, as behind a transaction pooler',
    ],
    mend: [
      'DATABASE_DIRECT_URL에 직접 연결 또는 세션 풀러의 주소를 설정하십시오',
      'set DATABASE_DIRECT_URL to a direct or session-mode address of the same database',
    ],
  },
  'connections.pooled': {
    cause: ['풀러가 연결 수를 제한합니다', 'the pooler limits the connections'],
  },
  'connections.ok': {
    cause: [
      '인스턴스마다 연결 {needed}개 필요, {allowed}개 가능, 다른 프로그램이 {used}개 사용 중',
      '{needed} connections needed for each instance, {allowed} allowed, {used} used by other programs',
    ],
  },
  'connections.few': {
    cause: [
      '인스턴스마다 연결 {needed}개가 필요하지만 {allowed}개만 가능합니다',
      '{needed} connections needed for each instance, but only {allowed} allowed',
    ],
    mend: [
      'DATABASE_POOL_MAX를 줄이거나 max_connections 또는 역할의 CONNECTION LIMIT을 늘리십시오',
      'lower DATABASE_POOL_MAX, or raise max_connections or the CONNECTION LIMIT of the role',
    ],
  },
  'connections.used': {
    cause: [
      '인스턴스마다 연결 {needed}개가 필요하지만 {allowed}개 중 {used}개를 다른 프로그램이 사용하고 있습니다',
      '{needed} connections needed for each instance, but other programs use {used} of {allowed}',
    ],
    mend: [
      'DATABASE_POOL_MAX를 줄이거나 max_connections를 늘리십시오',
      'lower DATABASE_POOL_MAX, or raise max_connections',
    ],
  },

  'migrations.ok': { cause: ['모든 마이그레이션이 적용되었습니다', 'all migrations are applied'] },
  'migrations.atBoot': {
    cause: [
      '적용되지 않은 마이그레이션이 {count}개 있습니다({first}부터)',
      '{count} migrations are pending, from {first}',
    ],
    mend: [
      '서버를 시작하면 적용됩니다. 또는 maeum migrate를 실행하십시오',
      'the next start of the server applies them; or run maeum migrate',
    ],
  },
  'migrations.pending': {
    cause: [
      '적용되지 않은 마이그레이션이 {count}개 있습니다({first}부터)',
      '{count} migrations are pending, from {first}, and MIGRATE_ON_BOOT is false',
    ],
    mend: ['maeum migrate를 실행하십시오', 'run maeum migrate'],
  },
  'migrations.unknown': {
    cause: [
      '더 새로운 버전이 마이그레이션 {count}개를 적용했습니다',
      'a newer version has applied {count} migrations that this one does not know',
    ],
    mend: ['그 버전 이상을 사용하십시오', 'use that version or a later one'],
  },
  'schema.ok': { cause: ['테이블이 올바릅니다', 'all tables are as expected'] },
  'schema.pending': {
    cause: [
      '적용되지 않은 마이그레이션을 먼저 적용해야 합니다',
      'pending migrations have to be applied first',
    ],
  },
  'schema.drift': {
    cause: ['{line}', '{line}'],
    mend: [
      '테이블을 수동으로 변경했다면 되돌리고, 아니면 백업을 복원하십시오',
      'undo the change of the table, or restore a backup',
    ],
  },
  'role.ok': {
    cause: ['역할 {role}의 권한이 충분합니다', 'the role {role} has all privileges that it needs'],
  },
  'privileges.ok': {
    cause: ['anon과 authenticated 역할에 권한이 없습니다', 'anon and authenticated have no privileges'],
  },
  'defaults.ok': {
    cause: [
      'anon과 authenticated 역할에 새 객체에 대한 기본 권한이 없습니다',
      'anon and authenticated get no privileges on new objects',
    ],
  },
  'defaults.open': {
    cause: [
      '{owner} 역할이 새로 만드는 {kind}에 대해 {roles} 역할에 기본 권한이 있습니다: 덤프를 복원하면 공개됩니다',
      'default privileges give {roles} access to new {kind} of {owner}: a restored dump is open to them',
    ],
    mend: ['{statement}', '{statement}'],
  },
  'audit.ok': {
    cause: ['감사 기록의 트리거가 있습니다', 'the triggers of the audit trail exist'],
  },
  'audit.unguarded': {
    cause: [
      '감사 기록의 변경을 막는 트리거가 없거나 비활성화되어 있습니다',
      'the triggers that prevent changes of the audit trail are missing or disabled',
    ],
    mend: [
      'ALTER TABLE audit_log ENABLE TRIGGER USER를 실행하고, 없으면 백업을 복원하십시오. 그 후 maeum audit verify를 실행하십시오',
      'ALTER TABLE audit_log ENABLE TRIGGER USER, or restore them from drizzle/; then run maeum audit verify',
    ],
  },
  'keys.ok': {
    cause: ['사용 중인 데이터 키를 모두 열 수 있습니다', 'DATA_KEYS has all key ids that are in use'],
  },
  'keys.missing': {
    cause: [
      'DATA_KEYS에 {id} 키가 없습니다(사용자 {users}명)',
      'DATA_KEYS lacks the key {id}, which the data of {users} users needs',
    ],
    mend: ['DATA_KEYS의 끝에 그 키를 추가하십시오', 'append that key to DATA_KEYS'],
  },

  'model.local': {
    cause: [
      'GEMINI_API_KEY가 설정되지 않아 로컬 분석기만 사용합니다',
      'GEMINI_API_KEY is not set: only the local analyser is used',
    ],
  },
  'model.key': { cause: ['GEMINI_API_KEY가 설정되어 있습니다', 'GEMINI_API_KEY is set'] },
  'model.ok': { cause: ['{ms} ms 만에 응답했습니다', 'answered after {ms} ms'] },
  'model.relaxed': {
    cause: [
      '{model} 모델이 추론 설정을 거부해 다른 설정으로 요청했습니다',
      '{model} refuses the thinking setting; it answered with another one',
    ],
    mend: [
      'GEMINI_THINKING에서 {model}의 설정을 변경하십시오(예: {model}=low)',
      'set another one in GEMINI_THINKING, for example {model}=low',
    ],
  },
  'model.slow': {
    cause: [
      '{ms} ms 만에 응답했습니다. ANALYSIS_DEADLINE_MS는 {deadline} ms입니다',
      'answered after {ms} ms, later than ANALYSIS_DEADLINE_MS ({deadline} ms)',
    ],
    mend: [
      'GEMINI_MODELS에 더 빠른 모델을 설정하거나 네트워크를 확인하십시오',
      'set a faster model in GEMINI_MODELS, or check the network',
    ],
  },
  'model.timedOut': {
    cause: ['{ms} ms 안에 응답이 없습니다', 'no answer within {ms} ms'],
    mend: [
      'GEMINI_TIMEOUT_MS, 네트워크, 또는 모델을 확인하십시오',
      'check the network and GEMINI_TIMEOUT_MS, or set a faster model in GEMINI_MODELS',
    ],
  },
  'model.keyRefused': {
    cause: ['API가 키를 거부합니다({detail})', 'the API refuses the key ({detail})'],
    mend: [
      'GEMINI_API_KEY를 확인하십시오(키의 제한과 프로젝트 포함)',
      'check GEMINI_API_KEY, its restrictions and its project',
    ],
  },
  'model.notFound': {
    cause: [
      'API에 {model} 모델이 없습니다({detail}): 종료되었거나 이름이 잘못되었습니다',
      'the API does not know {model} ({detail}): it was retired, or the name is wrong',
    ],
    mend: [
      'GEMINI_MODELS에서 모델을 바꾸십시오. GEMINI_BASE_URL이 설정되어 있으면 함께 확인하십시오',
      'replace it in GEMINI_MODELS; if GEMINI_BASE_URL is set, check it too',
    ],
  },
  'model.region': {
    cause: [
      'API가 이 서버의 지역에서 제공되지 않습니다({detail})',
      'the API does not serve the region of this server ({detail})',
    ],
    mend: [
      '지원되는 지역에서 실행하거나 GEMINI_BASE_URL에 프록시를 설정하십시오',
      'run the server in a supported region, or set GEMINI_BASE_URL to a proxy there',
    ],
  },
  'model.rejected': {
    cause: ['API가 요청을 거부합니다({detail})', 'the API rejects the request ({detail})'],
    mend: [
      'GEMINI_MODELS와 GEMINI_THINKING의 {model} 설정을 확인하십시오',
      'check {model} in GEMINI_MODELS and GEMINI_THINKING',
    ],
  },
  'model.quota': {
    cause: ['할당량을 모두 사용했습니다({detail})', 'the quota is used up ({detail})'],
    mend: ['프로젝트의 할당량을 늘리거나 기다리십시오', 'raise the quota of the project, or wait'],
  },
  'model.overloaded': {
    cause: ['API에 과부하가 걸렸습니다({detail})', 'the API is overloaded ({detail})'],
    mend: ['나중에 다시 시도하십시오', 'try again later; the next model of GEMINI_MODELS is used meanwhile'],
  },
  'model.unreachable': {
    cause: ['API에 연결할 수 없습니다({detail})', 'the API cannot be reached ({detail})'],
    mend: [
      '방화벽, DNS, 프록시와 GEMINI_BASE_URL을 확인하십시오',
      'check the firewall, DNS, the proxy and GEMINI_BASE_URL',
    ],
  },
  'model.unusable': {
    cause: ['사용할 수 없는 응답입니다({detail})', 'the answer is not usable ({detail})'],
    mend: [
      'GEMINI_BASE_URL이 Gemini API인지 확인하십시오',
      'check that GEMINI_BASE_URL is the Gemini API, or set another model in GEMINI_MODELS',
    ],
  },
  'prices.ok': { cause: ['모든 모델의 가격이 있습니다', 'each model has a price'] },
  'prices.unknown': {
    cause: ['{models}의 가격이 없어 비용을 알 수 없습니다', 'no price for {models}: the cost is unknown'],
  },
  'prices.budget': {
    cause: [
      'GEMINI_DAILY_BUDGET_USD가 설정되었으나 {models}의 가격이 없습니다',
      'GEMINI_DAILY_BUDGET_USD is set, but {models} has no price',
    ],
    mend: [
      'GEMINI_PRICES에 가격을 추가하거나 GEMINI_MODELS에서 삭제하십시오',
      'add a price to GEMINI_PRICES, or remove the model from GEMINI_MODELS',
    ],
  },

  'cors.ok': { cause: ['{origins}', '{origins}'] },
  'cors.local': {
    cause: [
      '운영 환경에서 localhost 출처만 허용됩니다: {origins}',
      'only origins on localhost are allowed in production: {origins}',
    ],
    mend: [
      'CORS_ORIGINS에 프런트엔드의 출처를 설정하십시오',
      'set CORS_ORIGINS to the origin of the front end',
    ],
  },
  'cors.mixed': {
    cause: [
      '{origin} 페이지는 https이지만 PUBLIC_URL은 http입니다: 브라우저가 연결을 차단합니다',
      'the pages at {origin} use https, but PUBLIC_URL uses http: browsers block the connection',
    ],
    mend: ['PUBLIC_URL을 https 주소로 설정하십시오', 'set PUBLIC_URL to the https address'],
  },
  'url.ok': { cause: ['{url}', '{url}'] },
  'url.unset': {
    cause: [
      'PUBLIC_URL이 설정되지 않아 요청의 호스트를 사용합니다',
      'PUBLIC_URL is not set: the host of the request is used',
    ],
  },
  'url.plain': {
    cause: [
      '운영 환경에서 PUBLIC_URL이 http입니다: 토큰이 암호화되지 않고 전송됩니다',
      'PUBLIC_URL uses http in production: tokens are sent unencrypted, and browsers give no camera',
    ],
    mend: [
      'TLS 프록시를 사용하고 PUBLIC_URL을 https 주소로 설정하십시오',
      'use a proxy with TLS, and set PUBLIC_URL to its https address',
    ],
  },
  'url.missing': {
    cause: [
      '운영 환경에서 PUBLIC_URL이 설정되지 않았습니다',
      'PUBLIC_URL is not set in production: behind a proxy with TLS the WebSocket URLs may be ws://',
    ],
    mend: [
      'PUBLIC_URL을 서버의 https 주소로 설정하십시오',
      'set PUBLIC_URL to the https address of the server',
    ],
  },
  'proxy.ok': { cause: ['TRUST_PROXY가 설정되어 있습니다', 'TRUST_PROXY is set'] },
  'proxy.none': {
    cause: [
      'TRUST_PROXY가 설정되지 않았으며, 프록시가 없는 것으로 보입니다',
      'TRUST_PROXY is not set, and no proxy is expected',
    ],
  },
  'proxy.untrusted': {
    cause: [
      'PUBLIC_URL이 https이므로 프록시가 있지만 TRUST_PROXY가 설정되지 않아 모든 사용자가 한 주소로 제한됩니다',
      'PUBLIC_URL uses https, so there is a proxy, but TRUST_PROXY is not set: all users share one address and its rate limit',
    ],
    mend: [
      'TRUST_PROXY를 프록시의 수 또는 주소 블록으로 설정하십시오',
      'set TRUST_PROXY to the number of proxies or their CIDR blocks',
    ],
  },
  'tracing.off': { cause: ['트레이싱을 사용하지 않습니다', 'no traces are sent'] },
  'tracing.ok': { cause: ['{address}에서 트레이스를 받습니다', '{address} takes traces'] },
  'tracing.silent': {
    cause: ['{address}: {seconds}초 안에 응답이 없습니다', '{address} does not answer within {seconds} s'],
    mend: [
      '트레이스 수집기의 상태를 확인하십시오. 서버는 그동안에도 정상으로 동작합니다',
      'check the collector of the traces; the server works without it',
    ],
  },
  'tracing.away': {
    cause: ['{address}에 연결할 수 없습니다({code})', '{address} cannot be reached ({code})'],
    mend: [
      '수집기를 시작하거나 OTEL_EXPORTER_OTLP_ENDPOINT를 수정하십시오. 서버는 그동안에도 정상으로 동작합니다',
      'start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT; the server works without it',
    ],
  },
  'tracing.key': {
    cause: ['{address}에서 인증을 거부합니다(HTTP {status})', '{address} refuses the key (HTTP {status})'],
    mend: [
      'OTEL_EXPORTER_OTLP_HEADERS에 올바른 키를 설정하십시오',
      'set the right key in OTEL_EXPORTER_OTLP_HEADERS',
    ],
  },
  'tracing.path': {
    cause: [
      '{address}: {path} 경로에서 트레이스를 받지 않습니다(HTTP {status})',
      '{address} takes no traces at {path} (HTTP {status})',
    ],
    mend: [
      'OTEL_EXPORTER_OTLP_ENDPOINT에는 /v1/traces를 제외한 주소를, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT에는 전체 주소를 설정하십시오',
      'set OTEL_EXPORTER_OTLP_ENDPOINT to the address before /v1/traces, or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT to the whole URL',
    ],
  },
  'tracing.refused': {
    cause: [
      '{address}에서 빈 요청에 HTTP {status} 상태로 응답합니다',
      '{address} answers HTTP {status} to a request without spans',
    ],
    mend: [
      '수집기의 로그를 확인하고 OTEL_EXPORTER_OTLP_PROTOCOL을 확인하십시오',
      'see the log of the collector, and check OTEL_EXPORTER_OTLP_PROTOCOL',
    ],
  },
  'server.anyPort': { cause: ['PORT가 0입니다', 'PORT is 0'] },
  'server.none': {
    cause: ['{address}에서 실행 중인 서버가 없습니다', 'no server is listening at {address}'],
  },
  'server.ready': { cause: ['{address}: 준비됨', '{address} is ready'] },
  'server.notReady': {
    cause: ['{address}: 준비되지 않음: {details}', '{address} is not ready: {details}'],
    mend: [
      '다른 점검의 결과와 서버의 로그를 확인하십시오',
      'see the other checks, and the log of the server',
    ],
  },
  'server.silent': {
    cause: ['{address}: {seconds}초 안에 응답이 없습니다', '{address} does not answer within {seconds} s'],
    mend: [
      '그 프로그램이 이 서버라면 로그를 확인하고 다시 시작하십시오',
      'if that program is this server, see its log and restart it; else stop it or set another PORT',
    ],
  },
  'server.other': {
    cause: [
      '{address}에 maeum이 아닌 프로그램이 있습니다(HTTP {status})',
      'another program listens at {address} (HTTP {status})',
    ],
    mend: ['그 프로그램을 중지하거나 PORT를 변경하십시오', 'stop that program, or set another PORT'],
  },
} as const satisfies Record<string, { readonly cause: Pair; readonly mend?: Pair }>

/** Words that are values of findings. */
export const WORDS = {
  on: ['켜짐', 'on'],
  off: ['꺼짐', 'off'],
  required: ['필수', 'required'],
  tables: ['테이블', 'tables'],
  sequences: ['시퀀스', 'sequences'],
  functions: ['함수', 'functions'],
} as const satisfies Record<string, Pair>

export type FindingKey = keyof typeof FINDINGS
