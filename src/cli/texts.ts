import type { Language } from '../domain/language.ts'

/** All texts of the command line, in Korean and English. */
const CATALOGUE = {
  program: ['maeum 서버 운영 명령', 'Operates a maeum server'],

  'help.usage': ['사용법:', 'Usage:'],
  'help.arguments': ['인자:', 'Arguments:'],
  'help.options': ['옵션:', 'Options:'],
  'help.commands': ['명령:', 'Commands:'],
  'help.examples': ['예:', 'Examples:'],
  'help.more': [
    '--json과 --language는 명령 앞이나 뒤에 쓸 수 있습니다.\n종료 코드: 0 성공, 1 발견된 문제 있음, 2 실행하지 못했거나 출력을 끝내지 못함. 설정은 서버와 같은 환경 변수를 사용합니다(.env.example).',
    '--json and --language may stand before or after the command.\nExit codes: 0 success, 1 findings, 2 could not run, or not write all output. The settings are the variables of the server (.env.example).',
  ],
  'command.help': ['명령의 도움말을 출력합니다', 'prints the help of a command'],

  'option.help': ['도움말을 출력합니다', 'prints this help'],
  'option.version': ['버전을 출력합니다', 'prints the version'],
  'option.json': ['JSON 문서 하나를 출력합니다', 'prints one JSON document'],
  'option.language': [
    '출력 언어(기본값: LC_ALL, LC_MESSAGES 또는 LANG의 언어)',
    'language of the output (default: that of LC_ALL, LC_MESSAGES or LANG)',
  ],
  'option.limit': ['출력할 최대 개수', 'maximum number of rows'],
  'option.role': ['이 역할의 계정만', 'only accounts with this role'],
  'option.disabled': ['비활성화된 계정만', 'only disabled accounts'],
  'option.afterUser': ['이 계정 다음부터', 'only accounts after this one, the last of the previous page'],
  'option.afterSession': ['이 세션 다음부터', 'only sessions after this one, the last of the previous page'],
  'option.user': ['이 사용자의 세션만(id 또는 이메일)', 'only sessions of this user (id or e-mail)'],
  'option.status': [
    '이 상태의 세션만(live: 진행 중)',
    'only sessions with this status (live: active or paused)',
  ],
  'option.passwordFile': [
    '비밀번호를 이 파일의 첫 줄에서 읽습니다',
    'reads the password from the first line of this file',
  ],
  'option.generatePassword': [
    '비밀번호를 생성하고 한 번 출력합니다',
    'generates a password and prints it once',
  ],
  'option.output': [
    '이 파일에 저장합니다. 이미 있는 파일은 덮어쓰지 않습니다(기본값: 표준 출력)',
    'writes to this file, which must not exist (default: standard output)',
  ],
  'option.keyFile': [
    '백업 키를 이 파일에서 읽습니다(base64로 표현한 32바이트, 기본값: BACKUP_KEY)',
    'reads the key of the backup from this file (32 bytes in base64; default: BACKUP_KEY)',
  ],
  'option.erasures': [
    '삭제 영수증이 들어 있는 파일: 서버 로그 또는 보관한 영수증. 이 삭제를 다시 실행합니다',
    'a file with receipts of erasures: the log of the server, or receipts that were kept; repeats these erasures',
  ],
  'option.verify': [
    '복원한 모든 행을 다시 읽어 백업과 비교합니다',
    'reads all restored rows back and compares them with the backup',
  ],
  'option.check': [
    '파일만 읽고 검증합니다. 데이터베이스가 필요 없습니다',
    'only reads and verifies the file; needs no database',
  ],
  'option.yes': ['확인 없이 삭제합니다', 'erases without confirmation'],
  'option.model': [
    '비교할 모델: Gemini 모델 이름 또는 학습된 분석기의 .json 파일',
    'a model to compare with: the name of a Gemini model, or the .json file of a fitted analyser',
  ],

  'argument.user': ['계정: id 또는 이메일', 'the account: its id or e-mail'],
  'argument.email': ['이메일', 'the e-mail'],
  'argument.username': ['이름', 'the name'],
  'argument.role': ['역할', 'the role'],
  'argument.backup': ['백업 파일. -는 표준 입력', 'the file of the backup; -: standard input'],
  'argument.session': ['세션: id 또는 id의 앞부분', 'the session: its id or the first characters of it'],

  'usage.unknownCommand': ['없는 명령입니다: {name}', 'unknown command: {name}'],
  'usage.unknownOption': ['없는 옵션입니다: {name}', 'unknown option: {name}'],
  'usage.missingArgument': ['인자가 필요합니다: {name}', 'missing argument: {name}'],
  'usage.missingValue': ['값이 필요합니다: {name}', 'missing value: {name}'],
  'usage.invalid': [
    '{name}: 올바르지 않은 값입니다: {value} ({reason})',
    '{name}: the value is not valid: {value} ({reason})',
  ],
  'usage.excessArguments': ['인자가 너무 많습니다', 'too many arguments'],
  'usage.number': ['1에서 {max} 사이의 정수', 'a whole number from 1 to {max}'],

  'input.password': ['비밀번호: ', 'Password: '],
  'input.again': ['비밀번호 확인: ', 'Password again: '],
  'input.different': ['두 비밀번호가 서로 다릅니다', 'the two passwords differ'],
  'input.cancelled': ['취소했습니다', 'cancelled'],
  'database.missing': [
    'DATABASE_URL이 설정되지 않았고 {folder}에 내장 데이터베이스가 없습니다. 설정과 현재 폴더를 확인하십시오',
    'DATABASE_URL is not set, and there is no embedded database in {folder}: check the settings and the current folder',
  ],
  'file.exists': [
    '{path} 파일이 이미 있어 덮어쓰지 않았습니다',
    '{path} exists already and was not overwritten',
  ],
  'file.missing': ['{path}: 파일이나 폴더가 없습니다', '{path}: no such file or folder'],
  'file.denied': ['{path}: 접근 권한이 없습니다', '{path}: permission denied'],
  'input.unreadable': ['{file} 파일을 읽을 수 없습니다', 'the file {file} cannot be read'],
  'input.fileOrGenerated': [
    '--password-file과 --generate-password는 함께 사용할 수 없습니다',
    '--password-file and --generate-password exclude each other',
  ],
  'input.noTerminal': [
    '확인을 입력할 터미널이 없습니다: --yes를 사용하십시오',
    'there is no terminal for the confirmation: use --yes',
  ],
  'input.notConfirmed': ['확인되지 않아 아무것도 변경하지 않았습니다', 'not confirmed, nothing was changed'],

  'column.id': ['ID', 'ID'],
  'column.email': ['이메일', 'E-MAIL'],
  'column.username': ['이름', 'NAME'],
  'column.role': ['역할', 'ROLE'],
  'column.created': ['생성', 'CREATED'],
  'column.changed': ['변경', 'CHANGED'],
  'column.disabled': ['비활성화', 'DISABLED'],
  'column.devices': ['로그인된 기기', 'DEVICES'],
  'column.sessions': ['세션', 'SESSIONS'],
  'column.session': ['세션', 'SESSION'],
  'column.user': ['사용자', 'USER'],
  'column.status': ['상태', 'STATUS'],
  'column.started': ['시작', 'STARTED'],
  'column.seen': ['마지막 활동', 'SEEN'],
  'column.ended': ['종료', 'ENDED'],
  'column.reason': ['종료 이유', 'REASON'],
  'column.owner': ['담당 인스턴스', 'OWNER'],
  'column.language': ['언어', 'LANGUAGE'],
  'column.windows': ['저장된 구간', 'WINDOWS'],
  'column.frames': ['받은 프레임', 'FRAMES'],
  'column.reported': ['보고서 생성', 'REPORTED'],
  'column.key': ['키', 'KEY'],
  'column.result': ['결과', 'RESULT'],
  'column.check': ['점검', 'CHECK'],
  'column.found': ['내용', 'FOUND'],
  'column.file': ['파일', 'FILE'],
  'column.statements': ['문장', 'STATEMENTS'],
  'column.open': ['채울 항목', 'TO FILL IN'],
  'column.users': ['사용자 수', 'USERS'],
  'column.state': ['상태', 'STATE'],
  'list.more': ['더 있습니다: --after {after}', 'there are more: --after {after}'],

  start: ['서버를 시작합니다', 'starts the server'],
  doctor: [
    '설정, 컴퓨터, 데이터베이스, 모델, 주소를 점검하고 해결 방법을 출력합니다. 아무것도 변경하지 않습니다',
    'checks settings, machine, database, models and addresses, and prints what to do; changes nothing',
  ],
  'doctor.finding': ['실패한 점검이 있습니다', 'a check has failed'],
  'status.ok': ['정상', 'ok'],
  'status.warn': ['경고', 'warn'],
  'status.fail': ['실패', 'fail'],
  'status.skipped': ['건너뜀', 'skipped'],
  'doctor.summary': [
    '정상 {ok}, 경고 {warn}, 실패 {fail}, 건너뜀 {skipped}',
    '{ok} ok, {warn} warnings, {fail} failed, {skipped} skipped',
  ],
  dossier: [
    '설정에서 사용 설명서, 모델 카드, 처리 활동 기록, 영향평가 서식 등의 문서를 만듭니다',
    'makes documents from the configuration: instructions for use, model card, record of processing, impact assessments',
  ],
  'dossier.out': ['문서를 저장할 빈 폴더 또는 새 폴더', 'an empty or new folder for the documents'],
  'dossier.noFolder': ['폴더가 필요합니다: --out', 'a folder is required: --out'],
  'dossier.notEmpty': [
    '{folder} 폴더가 비어 있지 않습니다: 새 폴더를 지정하십시오',
    'the folder {folder} is not empty: choose a new one',
  ],
  'dossier.done': [
    'TODO(operator)로 표시된 곳을 채우십시오. README.md가 목차입니다',
    'Fill in what is marked TODO(operator). README.md is the index',
  ],
  migrate: ['적용되지 않은 마이그레이션을 적용합니다', 'applies the pending migrations'],
  'migrate.waiting': [
    '다른 프로세스가 마이그레이션을 적용하고 있어 기다립니다',
    'another process applies migrations; waiting for it',
  ],
  'migrate.applied': ['적용: {name}', 'applied {name}'],
  'migrate.nothing': ['적용할 마이그레이션이 없습니다', 'nothing to apply'],
  'migrate.journal': [
    '테이블에 마이그레이션 기록이 없었으나 구조가 올바르므로 기록을 작성했습니다',
    'the tables had no journal and are as expected; the journal was written',
  ],
  'migrate.unknown': [
    '더 새로운 버전이 적용한, 이 버전이 모르는 마이그레이션이 {count}개 있습니다',
    'a newer version has applied {count} migrations that this one does not know',
  ],
  'migrate.revoked': ['권한을 회수했습니다: {what}', 'revoked: {what}'],

  user: ['계정 관리', 'accounts'],
  'user.list': ['계정 목록을 출력합니다', 'lists accounts, newest first'],
  'user.show': ['계정 하나를 출력합니다', 'shows an account'],
  'user.create': ['계정을 생성합니다', 'creates an account'],
  'user.disable': [
    '계정을 비활성화하고, 모든 기기에서 로그아웃하고, 세션을 종료합니다',
    'disables an account, logs out its devices and ends its sessions',
  ],
  'user.enable': ['비활성화된 계정을 다시 활성화합니다', 'enables a disabled account'],
  'user.logout': ['계정의 모든 기기를 로그아웃합니다', 'logs out all devices of an account'],
  'user.role': ['계정의 역할을 변경합니다', 'sets the role of an account'],
  'user.resetPassword': [
    '새 비밀번호를 설정하고 모든 기기를 로그아웃합니다',
    'sets a new password and logs out all devices',
  ],
  'user.unknown': ['계정이 없습니다: {user}', 'there is no such account: {user}'],
  'user.sessions': ['전체 {total}, 진행 중 {live}', '{total}, {live} of them live'],
  'user.created': ['{email} 계정을 생성했습니다(id {user})', 'created {email} (id {user})'],
  'user.password': ['비밀번호: {password}', 'password: {password}'],
  'user.common': [
    '흔히 사용되는 비밀번호입니다. 더 안전한 비밀번호를 권장합니다',
    'the password is a common one; choose a less common one',
  ],
  'user.disabled': ['{email} 계정을 비활성화했습니다', '{email} is disabled'],
  'user.disabledBefore': ['{email} 계정은 이미 비활성화되어 있습니다', '{email} was disabled already'],
  'user.enabled': ['{email} 계정을 활성화했습니다', '{email} is enabled'],
  'user.enabledBefore': ['{email} 계정은 비활성화되어 있지 않습니다', '{email} was not disabled'],
  'user.loggedOut': ['로그아웃한 기기: {devices}', 'devices logged out: {devices}'],
  'user.loggedOutAll': ['{email}: 모든 기기를 로그아웃했습니다', '{email}: all devices are logged out'],
  'user.roleChanged': ['{email} 계정의 역할: {role}', '{email} has the role {role}'],
  'user.roleBefore': ['{email} 계정의 역할은 이미 {role}입니다', '{email} had the role {role} already'],
  'user.passwordReset': [
    '{email}: 비밀번호를 변경하고 기기를 로그아웃했습니다',
    '{email}: the password is changed, and all devices are logged out',
  ],

  session: ['세션 관리', 'sessions'],
  'session.list': ['세션 목록을 출력합니다', 'lists sessions, newest first'],
  'session.show': ['세션 하나를 출력합니다', 'shows a session'],
  'session.end': ['세션을 종료합니다', 'ends a session'],
  'session.unknown': ['세션이 없습니다', 'the session does not exist'],
  'session.ambiguous': [
    '여러 세션의 id가 이렇게 시작합니다: 더 길게 입력하십시오',
    'several sessions begin so: give more characters',
  ],
  'session.ended': ['{session} 세션을 종료했습니다', '{session} is ended'],
  'session.endedBefore': ['{session} 세션은 이미 종료되었습니다', '{session} had ended already'],

  replay: ['저장된 세션을 다시 분석합니다', 'analyses a stored session again'],
  'replay.finding': [
    '분석기 버전이 같은데 결과가 다릅니다',
    'an answer differs although the analyser version is the same',
  ],
  'replay.noKey': ['GEMINI_API_KEY: 설정되지 않았습니다', 'GEMINI_API_KEY: is not set'],
  'replay.notFitted': [
    '{file} 파일은 학습된 분석기가 아닙니다: npm run fit 참고',
    '{file} is not a fitted analyser: see npm run fit',
  ],
  'replay.window': ['구간 {window}', 'window {window}'],
  'replay.unreadable': [
    '읽을 수 없는 버전의 측정값입니다',
    'its measures are of a version that cannot be read',
  ],
  'replay.equal': ['같음', 'equal'],
  'replay.different': ['다름: {answer} ({fields})', 'different: {answer} ({fields})'],
  'replay.modelFailed': ['{model} 실패: {reason}', '{model} failed: {reason}'],
  'replay.agrees': ['{model} {answer}, 일치: {stored}', '{model} {answer}, agrees with {stored}'],
  'replay.disagrees': ['{model} {answer}, 불일치: {stored}', '{model} {answer}, instead of {stored}'],
  'replay.samePrompt': ['같은 프롬프트', 'same prompt'],
  'replay.otherPrompt': ['다른 프롬프트', 'another prompt'],
  'replay.cost': [
    '당시 모델 요청 {count}건: 입력 토큰 {input}, 출력 토큰 {output}, 약 {cost}',
    'a model was asked about {count} then: {input} tokens in, {output} out, about {cost}',
  ],
  'replay.summary': [
    '구간 {count}개: 같음 {equal}, 다름 {different}, 다른 분석기 {other}',
    '{count} windows: {equal} equal, {different} different, {other} of another analyser',
  ],
  'replay.modelSummary': [
    '모델이 {count}개 중 {answered}개에 답했고 {agree}개가 전송된 결과와 같습니다. 비용 약 {cost}',
    'the model answered {answered} of {count}, {agree} as delivered, for about {cost}',
  ],

  audit: ['감사 기록', 'the audit trail'],
  'audit.verify': ['감사 기록 전체를 검증합니다', 'verifies the whole audit trail'],
  'audit.allowUnproven': [
    '알 수 없는 시크릿으로 작성된 체인을 허용합니다',
    'accepts chains that were written with an unknown secret',
  ],
  'audit.finding': [
    '변경되거나 없어진 행이 있거나, 트리거가 없거나, 검증할 수 없는 체인이 있습니다',
    'rows were altered or are missing, the triggers are missing, or a chain is unproven',
  ],
  'audit.progress': ['{count}행을 읽었습니다', '{count} rows read'],
  'audit.row': ['{kind}: 체인 {chain}, {row}번 행: {what}', '{kind}: chain {chain}, row {row}: {what}'],
  'audit.altered': ['변경됨', 'altered'],
  'audit.missing': ['없음', 'missing'],
  'audit.unprovable': ['검증할 수 없음', 'unproven'],
  'audit.rewritten': [
    '사라짐: 체인 {chain}, {from}~{to}번 행: 장애 조치 등으로 데이터베이스에서 사라져 다시 기록했습니다',
    'lost: chain {chain}, rows {from} to {to}: by the database, as after a failover; they were written again',
  ],
  'audit.gap': [
    '사라짐: 체인 {chain}, {from}~{to}번 행: 장애 조치 등으로 데이터베이스에서 사라졌음을 기록이 증명합니다',
    'lost: chain {chain}, rows {from} to {to}: by the database, as after a failover; the trail attests the gap',
  ],
  'audit.unguarded': [
    '보호되지 않음: 행의 변경을 막는 트리거가 없습니다',
    'unguarded: the triggers that prevent changes of rows are missing',
  ],
  'audit.intact': ['없어지거나 변경된 행이 없습니다', 'nothing is missing or altered'],
  'audit.intactProven': [
    '검증할 수 있는 범위에서 없어지거나 변경된 행이 없습니다',
    'nothing is missing or altered in what can be proven',
  ],
  'audit.faults': ['문제 {count}건', '{count} faults'],
  'audit.unproven': ['검증할 수 없는 체인 {count}개', '{count} chains are unproven'],
  'audit.verdict': ['{chains}개 체인의 {rows}행: {verdict}', '{rows} rows in {chains} chains: {verdict}'],
  'audit.notWritten': [
    '감사 기록에 쓰지 못했습니다: 데이터베이스를 확인하십시오',
    'the audit trail could not be written: check the database',
  ],

  keys: ['데이터 키', 'data keys'],
  'keys.status': [
    '데이터 키를 감싼 키와 암호화되지 않은 필드를 출력합니다',
    'shows which keys wrap the data keys, and which fields are not encrypted',
  ],
  'keys.rotate': [
    '모든 데이터 키를 DATA_KEYS의 첫 키로 다시 감쌉니다. 필드는 변경하지 않습니다',
    'wraps all data keys with the first of DATA_KEYS, without a change of fields',
  ],
  'keys.reencrypt': [
    '모든 데이터 키를 다시 감싸고, 암호화되지 않은 필드를 암호화합니다',
    'wraps all data keys with the first of DATA_KEYS, and encrypts fields that are not encrypted',
  ],
  'keys.finding': [
    'DATA_KEYS에 없는 키가 사용 중이거나, 암호화가 켜져 있는데 첫 키로 감싸지 않은 데이터 키 또는 암호화되지 않은 필드가 있습니다',
    'DATA_KEYS lacks a key in use, or encryption is on and a data key is not wrapped with the first key or a field is not encrypted',
  ],
  'keys.unreadable': ['열 수 없는 데이터 키가 있습니다', 'a data key cannot be opened'],
  'keys.unset': [
    'DATA_KEYS: 설정되지 않아 암호화에 사용할 키가 없습니다',
    'DATA_KEYS: is not set, so there is nothing to encrypt with',
  ],
  'keys.on': ['암호화: 켜짐', 'encryption: on'],
  'keys.off': ['암호화: 꺼짐(DATA_KEYS가 설정되지 않음)', 'encryption: off (DATA_KEYS is not set)'],
  'keys.server': ['(서버 시크릿)', "(the server's secret)"],
  'keys.current': ['현재 키', 'current'],
  'keys.previous': ['이전 키: keys rotate 필요', 'previous: run keys rotate'],
  'keys.unused': ['사용되지 않음', 'not in use'],
  'keys.unknown': ['DATA_KEYS에 없음', 'not in DATA_KEYS'],
  'keys.withoutKey': [
    '데이터 키가 없는 사용자: {count}(다음 사용 시 생성됩니다)',
    'users without a data key: {count} (they get one at their next use)',
  ],
  'keys.missing': [
    'DATA_KEYS에 {id} 키가 없어 이 키로 감싼 데이터를 읽을 수 없습니다',
    'DATA_KEYS lacks {id}: the data of its users cannot be read',
  ],
  'keys.unencrypted': [
    '암호화되지 않음: {table}.{column}, 값 {values}개',
    'not encrypted: {table}.{column}, {values} values',
  ],
  'keys.reading': ['{table} 테이블을 읽고 있습니다', 'reading {table}'],
  'keys.progress': ['사용자 {count}명을 처리했습니다', '{count} users done'],
  'keys.rotated': [
    '사용자 {users}명: 데이터 키 {rewrapped}개를 다시 감쌌습니다',
    '{users} users: {rewrapped} data keys rewrapped',
  ],
  'keys.reencrypted': [
    '사용자 {users}명: 데이터 키 {rewrapped}개를 다시 감싸고 필드 {encrypted}개를 암호화했습니다',
    '{users} users: {rewrapped} data keys rewrapped, {encrypted} fields encrypted',
  ],
  'keys.failed': ['사용자 {user}: {reason}', 'user {user}: {reason}'],

  export: ['사용자의 모든 데이터를 JSON으로 내보냅니다', 'exports all data of a user as JSON'],
  'export.progress': ['{count}바이트', '{count} bytes'],
  'export.written': ['{file}: {bytes}바이트', '{file}: {bytes} bytes'],

  erase: [
    '계정과 모든 데이터를 삭제하고 영수증을 출력합니다',
    'erases an account and all its data, and prints the receipt',
  ],
  'erase.confirm': [
    '{email} 계정(id {id})과 모든 데이터를 삭제합니다. 되돌릴 수 없습니다. 확인하려면 이메일을 입력하십시오: ',
    'This erases the account {email} (id {id}) and all its data. It cannot be undone. Type the e-mail to confirm: ',
  ],
  'erase.done': [
    '사용자 {user}의 계정을 삭제했습니다: 세션 {sessions}, 상담 {counselings}, 피드백 {feedback}, 동의 {consents}, 기기 {devices}',
    'user {user} is erased: {sessions} sessions, {counselings} counselings, {feedback} feedback, {consents} consents, {devices} devices',
  ],
  'erase.receipt': ['영수증: {receipt}', 'receipt: {receipt}'],
  'erase.publicKey': ['공개 키: {key}', 'public key: {key}'],

  retention: ['보존 기간', 'retention'],
  'retention.run': ['RETENTION_DAYS보다 오래된 데이터를 삭제합니다', 'erases data older than RETENTION_DAYS'],
  'retention.finding': ['삭제하지 못한 데이터가 있습니다', 'some data could not be erased'],
  'retention.unset': [
    'RETENTION_DAYS: 설정되지 않아 만료되는 데이터가 없습니다',
    'RETENTION_DAYS: is not set, so no data expires',
  ],
  'retention.erased': ['삭제: {what}', 'erased: {what}'],
  'retention.conversations': ['대화 {count}건', '{count} conversations'],
  'retention.feedback': ['평가 {count}건', '{count} feedback'],
  'retention.counselings': ['상담 {count}건', '{count} counselings'],
  'retention.sessions': ['세션 {count}개', '{count} sessions'],
  'retention.audit': ['감사 기록 {count}건', '{count} audit'],
  'retention.failed': ['{kind}: 삭제하지 못했습니다: {reason}', '{kind}: not erased: {reason}'],

  backup: ['모든 데이터를 백업합니다', 'makes a backup of all data'],
  'backup.progress': ['{table}: {rows}행', '{table}: {rows} rows'],
  'backup.unencrypted': [
    '백업이 암호화되지 않았습니다: BACKUP_KEY 또는 --key-file을 사용하십시오',
    'the backup is not encrypted: use BACKUP_KEY or --key-file',
  ],
  'backup.generatedSecret': [
    'JWT_SECRET이 설정되지 않았습니다. 백업과 함께 {file} 파일을 보관하십시오. 없으면 복원한 감사 기록을 검증할 수 없습니다',
    'JWT_SECRET is not set: keep {file} with the backup. Without it the audit trail of a restored database is unproven',
  ],
  'backup.terminal': [
    '백업은 터미널에 출력할 수 없습니다: --out을 사용하거나 파일 또는 명령으로 보내십시오',
    'a backup cannot be printed on a terminal: use --out, or redirect it to a file or a command',
  ],
  'backup.written': [
    '{file}: {rows}행, {bytes}바이트, 스냅샷 {takenAt}',
    '{file}: {rows} rows, {bytes} bytes, snapshot of {takenAt}',
  ],
  'backup.dataKeys': [
    '복원한 서버에 필요한 DATA_KEYS의 키: {ids}. 백업에는 키가 들어 있지 않습니다',
    'keys of DATA_KEYS that a restored server needs: {ids}. The backup does not contain them',
  ],
  'backup.otherTables': [
    '백업하지 않은 다른 프로그램의 테이블: {names}',
    'tables of other programs, not in the backup: {names}',
  ],
  'backup.fault.not_a_backup': [
    '백업 파일이 아니거나 손상되었습니다',
    'this is not a backup, or it is damaged',
  ],
  'backup.fault.newer_format': [
    '더 새로운 버전의 백업입니다: 그 버전의 maeum으로 복원하십시오',
    'a newer version made this backup: restore it with that version',
  ],
  'backup.fault.key_missing': [
    '백업이 암호화되어 있습니다: BACKUP_KEY 또는 --key-file이 필요합니다',
    'the backup is encrypted: set BACKUP_KEY or use --key-file',
  ],
  'backup.fault.key_invalid': [
    '{file}: base64로 표현한 32바이트 키가 아닙니다',
    '{file}: this is not a key of 32 bytes in base64',
  ],
  'backup.fault.key_wrong': [
    '이 백업은 다른 키로 암호화되었습니다',
    'the backup was encrypted with another key',
  ],
  'backup.fault.damaged': [
    '백업이 변경되었거나 손상되었습니다(암호화 블록 {block})',
    'the backup was altered or is damaged (encrypted block {block})',
  ],
  'backup.fault.truncated': [
    '백업의 끝부분이 없습니다: 다른 사본을 사용하십시오',
    'the end of the backup is missing: use another copy',
  ],
  'backup.fault.incomplete': [
    '백업이 완료되지 않았습니다: 만드는 중에 중단되었거나 끝부분이 없습니다',
    'the backup is not complete: it was interrupted, or its end is missing',
  ],
  'backup.fault.differs': [
    '{table} 테이블의 데이터가 백업의 목록과 다릅니다: 백업이 손상되었습니다',
    'the rows of {table} are not those that the manifest lists: the backup is damaged',
  ],
  'backup.fault.newer_schema': [
    '데이터베이스에 이 버전이 모르는 마이그레이션이 {count}개 있습니다: 더 새로운 버전의 maeum을 사용하십시오',
    'there are {count} migrations that this version does not know: use the newer version of maeum',
  ],
  'backup.fault.no_journal': [
    '마이그레이션 기록이 없습니다: 먼저 maeum migrate를 실행하십시오',
    'the journal of the migrations is missing: run maeum migrate first',
  ],
  'backup.fault.not_empty': [
    '데이터베이스({database})가 비어 있지 않습니다: {names}. 빈 데이터베이스에 복원하십시오. 아무것도 변경하지 않았습니다',
    'the database ({database}) is not empty: {names}. Restore into an empty database. Nothing was changed',
  ],
  'backup.fault.no_tables': [
    '데이터베이스({database})에 maeum의 테이블이 없습니다',
    'the database ({database}) has no tables of maeum',
  ],

  restore: [
    '백업을 빈 데이터베이스에 복원하고 검증합니다',
    'restores a backup into an empty database and verifies the result',
  ],
  'restore.finding': ['실패한 점검이 있습니다', 'a check has failed'],
  'restore.reading': ['{table} 테이블을 읽고 있습니다', 'reading {table}'],
  'restore.loading': ['{table} 테이블을 복원하고 있습니다', 'restoring {table}'],
  'restore.done': [
    '{takenAt}의 백업(maeum {program}, PostgreSQL {postgres})을 {database}에 복원했습니다',
    'restored the backup of {takenAt} (maeum {program}, PostgreSQL {postgres}) into {database}',
  ],
  'restore.checked': [
    '{takenAt}의 백업을 읽었습니다(maeum {program}, PostgreSQL {postgres}). 아무것도 변경하지 않았습니다',
    'read the backup of {takenAt} (maeum {program}, PostgreSQL {postgres}); nothing was changed',
  ],
  'restore.file': [
    '파일: 완전하며, {tables}개 테이블의 {rows}행이 목록과 같습니다',
    'file: complete, {rows} rows of {tables} tables as listed in its manifest',
  ],
  'restore.rows': [
    '데이터: 다시 읽은 {rows}행이 백업과 같습니다',
    'rows: {rows} rows read back, the same as in the backup',
  ],
  'restore.schema': ['구조: 이 버전이 기대하는 것과 같습니다', 'schema: as this version expects it'],
  'restore.schema.faults': ['구조: {faults}', 'schema: {faults}'],
  'restore.rights': [
    '권한: anon과 authenticated 역할에 권한이 없습니다',
    'rights: the roles anon and authenticated have none',
  ],
  'restore.rights.revoked': [
    '권한: anon과 authenticated 역할의 권한을 회수했습니다',
    'rights: those of the roles anon and authenticated were revoked',
  ],
  'restore.rights.left': ['권한: 회수하지 못했습니다: {what}', 'rights: could not be revoked: {what}'],
  'restore.keys': [
    '데이터 키: 필요한 키 {count}개가 모두 DATA_KEYS에 있습니다',
    'data keys: DATA_KEYS has all {count} that are needed',
  ],
  'restore.keys.none': ['데이터 키: 필요한 키가 없습니다', 'data keys: none are needed'],
  'restore.keys.missing': [
    '데이터 키: DATA_KEYS에 {ids} 키가 없어 해당 사용자의 데이터를 읽을 수 없습니다',
    'data keys: DATA_KEYS lacks {ids}: the data of its users cannot be read',
  ],
  'restore.erasures': [
    '삭제: 영수증 {receipts}개. 백업에 남아 있던 계정 {erased}개와 세션 {deleted}개를 다시 삭제하고 동의 {withdrawn}건을 다시 철회했습니다',
    'erasures: {receipts} receipts; of what the backup still had, {erased} accounts and {deleted} sessions were erased again, {withdrawn} consents withdrawn again',
  ],
  'restore.erasures.empty': [
    '삭제: --erasures 파일에 영수증이 없습니다. {takenAt} 이후 삭제된 계정과 세션, 철회된 동의가 되살아났을 수 있습니다',
    'erasures: the file of --erasures has no receipt: accounts and sessions that were erased after {takenAt}, and consents withdrawn since, may exist again',
  ],
  'restore.erasures.none': [
    '삭제: --erasures가 없습니다. {takenAt} 이후 삭제된 계정과 세션, 철회된 동의가 되살아났을 수 있습니다',
    'erasures: no --erasures: accounts and sessions that were erased after {takenAt}, and consents withdrawn since, may exist again',
  ],
  'restore.erasures.unreadable': [
    '삭제: 계정 {erased}개와 세션 {deleted}개를 다시 삭제했으나, 데이터 키를 열 수 없는 계정 {unreadable}개는 확인하지 못했습니다',
    'erasures: {erased} accounts and {deleted} sessions were erased again; {unreadable} accounts could not be compared, their data keys cannot be opened',
  ],
  'restore.erasures.foreign': [
    '삭제: 계정 {erased}개와 세션 {deleted}개를 다시 삭제했으나, 다른 시크릿으로 서명된 영수증 {foreign}개는 사용하지 않았습니다(JWT_SECRET_PREVIOUS)',
    'erasures: {erased} accounts and {deleted} sessions were erased again; {foreign} receipts that another secret has signed were not used (JWT_SECRET_PREVIOUS)',
  ],
  'restore.audit': [
    '감사 기록: {chains}개 체인의 {rows}행이 모두 올바릅니다',
    'audit trail: {rows} rows in {chains} chains, nothing is missing or altered',
  ],
  'restore.audit.unproven': [
    '감사 기록: {chains}개 체인 중 {count}개는 다른 시크릿으로 작성되어 검증할 수 없습니다. 당시의 JWT_SECRET을 JWT_SECRET 또는 JWT_SECRET_PREVIOUS에 설정하십시오',
    'audit trail: {count} of {chains} chains were written with another secret and are unproven: set JWT_SECRET or JWT_SECRET_PREVIOUS to the one of that time',
  ],
  'restore.audit.faults': [
    '감사 기록: 문제 {count}건. maeum audit verify를 실행하십시오',
    'audit trail: {count} faults; run maeum audit verify',
  ],
  'restore.receipts': [
    '영수증: {found}개가 감사 기록의 행과 일치하고, {later}개는 백업 이후의 것입니다',
    'receipts: {found} match the row of the trail that they name, {later} are newer than the backup',
  ],
  'restore.receipts.faults': [
    '영수증: {count}개가 감사 기록과 다릅니다',
    'receipts: {count} name rows that differ from the trail',
  ],

  demo: ['녹화된 얼굴로 전체 세션을 실행합니다(35초)', 'runs a full session on a recorded face (35 seconds)'],
  'demo.finding': ['올바르게 읽지 못한 구간이 있습니다', 'a window was not read right'],
  'demo.missing': [
    '이 설치에는 데모가 없습니다: 소스 폴더에서 npm run demo를 실행하십시오',
    'the demo is not installed here: run npm run demo in a checkout',
  ],
} as const satisfies Record<string, readonly [ko: string, en: string]>

export type TextKey = keyof typeof CATALOGUE

/** A text of the catalogue; `{name}` is replaced by the value of that name. */
export type Texts = (key: TextKey, values?: Readonly<Record<string, unknown>>) => string

export const TEXT_KEYS = Object.keys(CATALOGUE) as TextKey[]

export const createTexts =
  (language: Language): Texts =>
  (key, values = {}) =>
    CATALOGUE[key][language === 'ko' ? 0 : 1].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]))
