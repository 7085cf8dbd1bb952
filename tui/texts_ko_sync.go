package tui

import "pabal/syncer"

// troubleText is what is wrong with the sync, and what to do; How "" leaves out
// a step of the reader's own.
type troubleText struct{ What, How string }

// koreanTroubles are the syncer's codes.
func koreanTroubles() map[string]troubleText {
	return map[string]troubleText{
		syncer.CodeDSN:         {"DB 접속 정보(DSN)가 없거나 잘못됨", "dsn_file에 이렇게 쓰세요: user:password@tcp(host:3306)/database?tls=true"},
		syncer.CodeDSNFile:     {"DB 접속 정보 파일(dsn_file)을 읽을 수 없음", "파일을 만들고, 파발을 돌리는 사용자만 읽게(0600) 하세요."},
		syncer.CodeDSNOpen:     {"비밀번호가 든 DSN 파일을 남도 읽을 수 있음", "chmod 600으로 닫으세요."},
		syncer.CodeDSNUnsafe:   {"DSN에 허용하지 않는 옵션이 있음", "아래에 적힌 옵션을 DSN에서 빼세요."},
		syncer.CodeTLS:         {"DB까지 암호화(TLS) 연결을 할 수 없음", "DSN에 ?tls=true를 붙이거나 서버의 TLS를 켜세요. RDS는 ca_file도 필요합니다."},
		syncer.CodeCertificate: {"DB 서버의 인증서를 믿을 수 없음", "발급 기관의 묶음을 mysql.ca_file에 넣고, 인증서의 이름으로 접속하세요."},
		syncer.CodeUnreachable: {"DB 서버에 연결할 수 없음", "서버가 켜져 있는지, DSN의 주소와 방화벽(보안 그룹)을 확인하세요. 저절로 다시 시도합니다."},
		syncer.CodeGone:        {"읽는 도중 DB 연결이 끊김", "서버를 다시 시작했다면 할 일은 없습니다. 다음 시도가 멈춘 곳에서 이어 갑니다."},
		syncer.CodeTimeout:     {"DB가 제때 답하지 않음", "잠금이 걸렸는지, id와 updated_at에 인덱스가 있는지 확인하세요. 저절로 다시 시도합니다."},
		syncer.CodeLogin:       {"DB가 로그인을 받아 주지 않음", "DSN의 사용자와 비밀번호, 이 서버에서의 접속 허용을 확인하세요."},
		syncer.CodeDatabase:    {"DSN의 데이터베이스가 없거나 볼 권한이 없음", "데이터베이스 이름을 고치거나 SELECT 권한을 주세요."},
		syncer.CodeRight:       {"고객 표를 읽을 권한이 없음", "그 계정에 GRANT SELECT를 주세요."},
		syncer.CodeTable:       {"고객 표가 없음", "mysql.table을 고치거나 표를 되살리세요. 그동안 아무도 빠지지 않습니다."},
		syncer.CodeColumn:      {"고객 표에 설정한 열이 없음", "[mysql.columns]의 이름을 고치거나, 없는 열은 \"\"로 두세요."},
		syncer.CodeColumnForm:  {"그 용도로 쓸 수 없는 형식의 열", "id는 기본 키로, updated_at은 TIMESTAMP·DATETIME·정수 열로 하세요."},
		syncer.CodeSQL:         {"mysql.where나 mysql.query의 SQL이 틀림", "DB에서 직접 실행해 보고 고치세요."},
		syncer.CodeCharset:     {"표의 글자 집합(charset)이 맞지 않음", "열을 utf8mb4로 바꾸거나 mysql.query에서 CONVERT로 바꿔 읽으세요."},
		syncer.CodeBusy:        {"DB가 바빠서 질의를 끝내지 못함", "잠금, 시간 제한, 접속 수를 확인하세요. 저절로 다시 시도합니다."},
		syncer.CodeTooLarge:    {"DB의 답이 너무 큼 (32 MB 초과)", "긴 글이나 파일이 든 열을 빼세요."},
		syncer.CodeNoRows:      {"고객 표에 행이 하나도 없음", "맞는 데이터베이스와 표인지 확인하세요. 아무도 빼지 않았습니다."},
		syncer.CodeShrunk:      {"고객이 한꺼번에 너무 많이 사라짐", "맞는 표인지 확인하세요. 아무도 빼지 않았습니다. 맞다면: pabal sync --full --shrink"},
		syncer.CodeSource:      {"읽을 곳이 바뀌었고, 같은 id가 다른 사람임", "실수면 DSN·mysql.table·mysql.query를 되돌리세요. 바뀐 것은 없습니다. 맞다면: pabal sync --full --new-source"},
		syncer.CodeServer:      {"DB가 뜻밖의 답을 함", "아래 내용을 운영자에게 보여 주세요. 저절로 다시 시도합니다."},
		syncer.CodeReading:     {"고객을 아직 읽고 있음", "동기화가 끝나면 다시 하세요(화면 6)."},
		syncer.CodeOld:         {"마지막으로 잘된 동기화가 너무 오래됨", "동기화를 빠르게 하거나(updated_at의 인덱스) 설정의 max_age_at_start를 늘리세요."},
		syncer.CodeWrites:      {"DB 계정이 읽기 말고도 할 수 있음: SELECT 권한만 주세요", ""},
		syncer.CodeNoIndex:     {"updated_at 열에 인덱스가 없어 매번 표 전체를 읽음: 인덱스를 만드세요", ""},
	}
}

// KoreanTrouble is what is wrong with the sync in Korean, by the code of the
// syncer's eml.Problem. known is false for any other code.
func KoreanTrouble(code string, _ []string) (what, how string, known bool) {
	text, known := koreanTroubles()[code]
	return text.What, text.How, known
}
