// Package inprocess carries requests to the API server from its clients in the
// same process, without TLS, HTTP/2 and sockets between them.
//
// A Transport calls the API server's whole chain of handlers, as its port does:
// authentication, authorisation, priority and fairness, audit and admission see
// no difference. Who a client is, it says by a bearer token, or by the name of a
// certificate (see User, for HTTP's basic authentication), which is then the one
// that a handshake would have shown and is verified like that.
//
// Clients reach it by URLs of a scheme of its own, so that whatever takes a
// kubeconfig or a rest.Config does. Answers come while they are written, as far
// as the reader keeps up; the end of a request's context ends its handler, and
// Close ends all. Its one rule: nobody but this process has this way in.
package inprocess
