package logline

import "github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"

// ID names what a line tells.
type ID string

// The patterns. Target is what the expression's group catches.
const (
	NameResolution     ID = "NameResolution"     // target: host
	NameServerSilent   ID = "NameServerSilent"   // target: host
	ConnectionRefused  ID = "ConnectionRefused"  // target: address
	ConnectionTimeout  ID = "ConnectionTimeout"  // target: address
	ConnectionReset    ID = "ConnectionReset"    // target: address
	NoRoute            ID = "NoRoute"            // target: address
	Unavailable        ID = "Unavailable"        // target: address
	UpstreamError      ID = "UpstreamError"      // target: address
	TooManyRequests    ID = "TooManyRequests"    // target: address
	DBAccessDenied     ID = "DBAccessDenied"     // target: user
	DBUnknown          ID = "DBUnknown"          // target: database
	DBUnreachable      ID = "DBUnreachable"      // target: address
	DBTooMany          ID = "DBTooMany"          // none
	DBReadOnly         ID = "DBReadOnly"         // none
	AddressInUse       ID = "AddressInUse"       // target: port
	Listening          ID = "Listening"          // target: port
	OutOfMemory        ID = "OutOfMemory"        // none
	StackOverflow      ID = "StackOverflow"      // none
	Fatal              ID = "Fatal"              // none
	PermissionDenied   ID = "PermissionDenied"   // target: path
	ReadOnlyFiles      ID = "ReadOnlyFiles"      // target: path
	NoSpace            ID = "NoSpace"            // target: path
	TooManyFiles       ID = "TooManyFiles"       // none
	FileMissing        ID = "FileMissing"        // target: path
	SettingMissing     ID = "SettingMissing"     // target: name
	CertificateExpired ID = "CertificateExpired" // none
	CertificateUnknown ID = "CertificateUnknown" // none
	TLSMismatch        ID = "TLSMismatch"        // target: address
	Forbidden          ID = "Forbidden"          // target: what is forbidden
	Unauthorized       ID = "Unauthorized"       // none
	ClockSkew          ID = "ClockSkew"          // none
	ExecFormat         ID = "ExecFormat"         // none
	ConntrackFull      ID = "ConntrackFull"      // none
	EtcdSlow           ID = "EtcdSlow"           // none
	EtcdNoSpace        ID = "EtcdNoSpace"        // none
	EtcdNoLeader       ID = "EtcdNoLeader"       // none
	LeaseLost          ID = "LeaseLost"          // none
	APIRemoved         ID = "APIRemoved"         // target: kind
	APIThrottled       ID = "APIThrottled"       // none
)

// Pattern is a row: a line with one of the words (in lower case) that matches
// the expression follows it. The expression's first group is the target.
type Pattern struct {
	ID    ID
	Words []string
	Expr  *lazyregexp.Regexp
}

func row(id ID, expr string, words ...string) Pattern {
	p := Pattern{ID: id, Words: words}
	if expr != "" {
		p.Expr = lazyregexp.New(`(?i)` + expr)
	}
	return p
}

// Patterns has the more telling rows first: a line follows the first that fits.
var Patterns = []Pattern{
	row(ConntrackFull, ``, "nf_conntrack: table full"),
	row(EtcdNoSpace, ``, "mvcc: database space exceeded"),
	row(EtcdNoLeader, ``, "etcdserver: no leader", "etcdserver: leader changed", "lost leader"),
	row(EtcdSlow, ``, "took too long", "slow fdatasync", "apply request took too long"),
	row(LeaseLost, ``, "leaderelection lost", "leader election lost", "failed to renew lease"),
	row(ClockSkew, `is not yet valid:? current time \S+ is before`, "is not yet valid"),
	row(CertificateExpired, ``, "certificate has expired", "certificate is expired", "certificate expired", "certificateexpiredexception", "cert_has_expired", "notafter:"),
	row(CertificateUnknown, ``, "certificate signed by unknown authority", "unable to find valid certification path", "self signed certificate", "self-signed certificate", "certificate verify failed", "x509: certificate is valid for"),
	row(TLSMismatch, ``, "server gave http response to https client", "first record does not look like a tls handshake", "wrong version number", "plain http request was sent to https port", "malformed http response", "unrecognized ssl message", "http/1.x transport connection broken: malformed", "invalid http method", "error reading server preface"),
	row(ClockSkew, ``, "clock skew", "token used before issued", "token is not valid yet", "certificate is not yet valid", "requesttimetooskewed", "clock is out of sync"),
	row(APIRemoved, `no matches for kind "?(\w+)"?`, "no matches for kind"),
	row(APIRemoved, ``, "the server could not find the requested resource"),
	row(ExecFormat, ``, "exec format error"),
	row(DBAccessDenied, `(?:access denied for user|password authentication failed for user|login failed for user|authentication failed for user|role)\s+\\?['"]?([\w.%@-]+)`, "access denied for user", "password authentication failed", "login failed for user", "authentication failed for user"),
	row(DBAccessDenied, ``, "wrongpass invalid username", "noauth authentication required", "invalid username-password pair", "sasl authentication failed", "auth failed: authenticationfailed", "mongoservererror: authentication failed"),
	row(DBUnknown, `(?:unknown database|database)\s+\\?['"]?([\w.-]+)`, "unknown database", `" does not exist`),
	row(DBTooMany, ``, "too many connections", "remaining connection slots are reserved", "sorry, too many clients", "max number of clients reached", "user has exceeded the 'max_user_connections'", "max_user_connections"),
	row(DBReadOnly, ``, "--read-only option", "--super-read-only option", "read-only transaction", "cannot execute insert in a read-only", "cannot execute update in a read-only", "readonly you can't write against a read only", "notwritableprimary", "server is running with the --read-only", "database is read-only", "read-only-allow-delete block"),
	row(AddressInUse, `(?:address already in use|eaddrinuse|port)[^\d]*?(?:[\d.]+\.\d+:|:::?|\*:|port:?\s*)?(\d{2,5})\b`, "address already in use", "eaddrinuse", "address in use", "was already in use", "is already in use", "only one usage of each socket address"),
	row(AddressInUse, `(?::|port )(\d{2,5}).*address already in use`, "address already in use"),
	row(OutOfMemory, ``, "java.lang.outofmemoryerror", "heap out of memory", "fatal error: runtime: out of memory", "cannot allocate memory", "std::bad_alloc", "memoryerror", "out of memory:"),
	row(StackOverflow, ``, "stackoverflowerror", "stack overflow", "maximum call stack size exceeded", "goroutine stack exceeds"),
	row(NoSpace, `no space left on device[^/]*(/[\w./-]+)?`, "no space left on device", "enospc", "disk quota exceeded"),
	row(TooManyFiles, ``, "too many open files", "emfile", "no file descriptors available"),
	row(ReadOnlyFiles, `(/[\w./-]+)?[^/]*read-only file system`, "read-only file system", "erofs"),
	row(Forbidden, `user \\?"?([\w:.@-]+)\\?"? cannot \w+ resource`, "is forbidden: user"),
	row(PermissionDenied, `(/[\w./-]{2,})`, "permission denied", "eacces", "accessdeniedexception", "operation not permitted", "permissionerror"),
	row(PermissionDenied, ``, "permission denied"),
	row(SettingMissing, `(?:environment variable|env var|required (?:key|config|setting|parameter|property)|placeholder)\s*:?\s*\\?['"$]?\{?([\w.-]+)`, "environment variable", "env var", "could not resolve placeholder", "required key", "required config", "required setting", "required property"),
	row(NameServerSilent, `lookup ([a-zA-Z0-9][\w.-]*) on [\d.:a-f\[\]]+:53: (?:read udp|dial udp|read tcp|i/o timeout)`, ":53: "),
	row(NameResolution, `(?:lookup|unknownhostexception:?|getaddrinfo (?:enotfound|eai_again)|could not resolve host:?|could not translate host name "?|can't resolve|name resolution failed for|resolve host name|failed to resolve|dns resolution failed for|no such host:?)\s*\\?['"]?(?:dns:)?/*([a-zA-Z0-9][\w.-]*)`, "no such host", "unknownhostexception", "enotfound", "eai_again", "could not resolve host", "could not translate host name", "name or service not known", "temporary failure in name resolution", "name resolution fail", "failed to resolve", "server misbehaving", "dns resolution failed", "name does not resolve", "nxdomain", "unknown host", "dns resolve"),
	row(NameResolution, ``, "name or service not known", "temporary failure in name resolution", "name does not resolve", "dns resolution failed"),
	// What a client that balances by itself says when its registry has nobody left.
	row(Unavailable, `(?:for (?:the )?service|instances available for):?\s+([\w.-]+)`, "no servers available for service", "does not contain an instance for the service", "no instances available for"),
	row(DBUnreachable, ``, "communications link failure", "can't connect to mysql server", "could not connect to server", "connection to server at ", "could not open jdbc connection", "unable to acquire jdbc connection", "cannotgetjdbcconnection", "redisconnectionexception", "serverselectionerror", "no servers available", "unable to connect to redis", "connection to database failed", "failed to obtain jdbc connection", "it was not possible to connect to the redis server"),
	row(ConnectionRefused, ``, "connection refused", "econnrefused", "connectexception: connection refused"),
	row(NoRoute, ``, "no route to host", "ehostunreach", "network is unreachable", "enetunreach", "host is unreachable"),
	row(ConnectionTimeout, ``, "connection timed out", "connect timed out", "i/o timeout", "etimedout", "context deadline exceeded", "deadline exceeded", "read timed out", "timeout exceeded", "sockettimeoutexception", "timed out after", "request timed out", "operation timed out", "timeout awaiting", "request timeout", "upstream request timeout"),
	row(ConnectionReset, ``, "connection reset by peer", "econnreset", "broken pipe", "connection was reset", "unexpected eof", "socket hang up", "connection closed prematurely", "connection reset"),
	row(TooManyRequests, ``, "429 too many requests", "rate limit exceeded", "toomanyrequests"),
	row(UpstreamError, ``, "500 internal server error", "502 bad gateway", "503 service unavailable", "504 gateway timeout", "no healthy upstream", "internalservererror", "status code: 500", "status code 500", "httpservererrorexception", "no instances available for", "upstream connect error", "statuscode=500", "[503", "[500", "[502"),
	row(Unavailable, ``, "code = unavailable", "statuscode.unavailable", "status: unavailable", "14 unavailable", "failed to connect to all addresses", "statuscode=\"unavailable\"", "serviceunavailable"),
	row(APIThrottled, ``, "client-side throttling", "the server has received too many requests"),
	row(Unauthorized, ``, "401 unauthorized", "status 401", "unauthorizedexception", "invalid token", "token expired"),
	row(FileMissing, `(/[\w./-]{2,})`, "no such file or directory", "filenotfoundexception", "enoent"),
	row(Fatal, ``, "panic:", "fatal error:", "fatal:", "uncaught exception", "unhandled exception", "segmentation fault", "core dumped", "application run failed", "traceback (most recent call last)", "unhandled promise rejection", "assertion failed", "sigabrt", "fatal exception", "terminate called", "goroutine 1 [running]", "error starting applicationcontext", "beancreationexception"),
	row(Listening, `(?:listen(?:ing)?|started|server|serving|running|initialized|bound)\b[^\n]{0,60}?(?:port(?:\(s\))?:?\s*|:)(\d{2,5})\b`, "listening", "listen on", "started on port", "tomcat started", "serving on", "tomcat initialized", "server started", "started server", "running on", "starting server on", "starting on port", "netty started", "ready to accept connections", "server running"),
}
