//! Requests that readers of HTTP disagree on, as bytes.

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct OddRequest {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// Why the gateway does otherwise than nginx or HAProxy, where it does.
    pub(crate) reason: &'static str,
}

/// A path that needs no token.
pub(crate) const PATH: &str = "/api/users/oauth2/odd";
/// The same as the service sees it.
pub(crate) const INSIDE: &str = "/oauth2/odd";

const GET: &str = "GET {path} HTTP/1.1\r\nHost: odd.test\r\n";
const POST: &str = "POST {path} HTTP/1.1\r\nHost: odd.test\r\n";
const CLOSE: &str = "Connection: close\r\n\r\n";
/// What would be a second request, were the first shorter than its sender says.
const SECOND: &str = "GET {path}?second HTTP/1.1\r\nHost: odd.test\r\nConnection: close\r\n\r\n";

fn odd(name: &'static str, parts: &[&str], reason: &'static str) -> OddRequest {
    let text = parts.concat().replace("{path}", PATH);
    OddRequest {
        name,
        bytes: text.into_bytes(),
        reason,
    }
}

/// All of them.
pub(crate) fn all() -> Vec<OddRequest> {
    let long_path = format!("GET {PATH}?{} HTTP/1.1\r\nHost: odd.test\r\n", "x".repeat(10_000));
    let long_header = format!("X-Long: {}\r\n", "x".repeat(70_000));
    let many_headers: String = (0..120).map(|number| format!("X-{number}: 1\r\n")).collect();
    let mut requests = vec![
        odd("an ordinary GET", &[GET, CLOSE], ""),
        odd(
            "an ordinary POST",
            &[POST, "Content-Length: 4\r\n", CLOSE, "text"],
            "",
        ),
        odd(
            "chunks",
            &[
                POST,
                "Transfer-Encoding: chunked\r\n",
                CLOSE,
                "4\r\ntext\r\n0\r\n\r\n",
            ],
            "",
        ),
        odd(
            "`Content-Length`, then chunks",
            &[
                POST,
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                SECOND,
            ],
            "HAProxy goes by the chunks, as RFC 9112 allows; whoever sends this wants two readers to disagree",
        ),
        odd(
            "chunks, then `Content-Length`",
            &[
                POST,
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
                SECOND,
            ],
            "as above",
        ),
        odd(
            "two equal lengths",
            &[POST, "Content-Length: 4\r\nContent-Length: 4\r\n", CLOSE, "text"],
            "equal lengths have one meaning (RFC 9112, section 6.3); nginx refuses them",
        ),
        odd(
            "two lengths",
            &[POST, "Content-Length: 4\r\nContent-Length: 5\r\n", CLOSE, "text"],
            "",
        ),
        odd(
            "a list of lengths",
            &[POST, "Content-Length: 4, 4\r\n", CLOSE, "text"],
            "HAProxy takes the list for one length, as RFC 9112 allows",
        ),
        odd(
            "a length with a sign",
            &[POST, "Content-Length: +4\r\n", CLOSE, "text"],
            "",
        ),
        odd(
            "a hexadecimal length",
            &[POST, "Content-Length: 0x4\r\n", CLOSE, "text"],
            "",
        ),
        odd("an empty length", &[POST, "Content-Length: \r\n", CLOSE], ""),
        odd(
            "an unknown coding",
            &[POST, "Transfer-Encoding: xchunked\r\n", CLOSE, "0\r\n\r\n"],
            "RFC 9112 has 501 for it; the gateway says 400 to all that it cannot frame",
        ),
        odd(
            "two codings",
            &[POST, "Transfer-Encoding: gzip, chunked\r\n", CLOSE, "0\r\n\r\n"],
            "the outer coding would be lost on the way; as above",
        ),
        odd(
            "chunks twice",
            &[
                POST,
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                CLOSE,
                "0\r\n\r\n",
            ],
            "",
        ),
        odd(
            "chunks in HTTP/1.0",
            &["POST {path} HTTP/1.0\r\nHost: odd.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
            "HTTP/1.0 has no chunks; HAProxy reads them all the same",
        ),
        odd(
            "a chunk with an extension",
            &[
                POST,
                "Transfer-Encoding: chunked\r\n",
                CLOSE,
                "4;a=b\r\ntext\r\n0\r\n\r\n",
            ],
            "",
        ),
        odd(
            "a chunk of another length",
            &[
                POST,
                "Transfer-Encoding: chunked\r\n",
                CLOSE,
                "4\r\ntextual\r\n0\r\n\r\n",
            ],
            "",
        ),
        odd(
            "a chunk larger than numbers are",
            &[
                POST,
                "Transfer-Encoding: chunked\r\n",
                CLOSE,
                "fffffffffffffffff\r\ntext\r\n0\r\n\r\n",
            ],
            "",
        ),
        odd(
            "chunks with bare line feeds",
            &[POST, "Transfer-Encoding: chunked\r\n", CLOSE, "4\ntext\n0\n\n"],
            "nginx 1.22 reads bare line feeds between chunks; a reader that does not sees another end",
        ),
        odd(
            "a line that goes on (obs-fold)",
            &[GET, "X-A: 1\r\n 2\r\n", CLOSE],
            "HAProxy joins the two lines",
        ),
        odd("a space before the colon", &[GET, "X-A : 1\r\n", CLOSE], ""),
        odd(
            "a header without a colon",
            &[GET, "X-A\r\n", CLOSE],
            "nginx reads it as a header without a value",
        ),
        odd(
            "bare line feeds",
            &["GET {path} HTTP/1.1\nHost: odd.test\nConnection: close\n\n"],
            "RFC 9112, section 2.2, allows to read a bare line feed as the end of a line; nginx and hyper do",
        ),
        odd(
            "a bare carriage return in a value",
            &[GET, "X-A: 1\rX-B: 2\r\n", CLOSE],
            "",
        ),
        odd(
            "a zero byte in a value",
            &[GET, "X-A: 1\0\r\n", CLOSE],
            "HAProxy 2.6 passes it on",
        ),
        odd(
            "no host",
            &["GET {path} HTTP/1.1\r\n", CLOSE],
            "HAProxy 2.6 leaves this to the service",
        ),
        odd("two hosts", &[GET, "Host: other.test\r\n", CLOSE], ""),
        odd(
            "a host with a slash",
            &["GET {path} HTTP/1.1\r\nHost: odd.test/x\r\n", CLOSE],
            "HAProxy leaves this to the service",
        ),
        odd(
            "another host in the address",
            &[
                "GET http://other.test{path} HTTP/1.1\r\nHost: odd.test\r\n",
                CLOSE,
            ],
            "HAProxy 2.6 wants the two to be equal; RFC 9112, section 3.2.2, gives the address the last word",
        ),
        odd(
            "a method in small letters",
            &["get {path} HTTP/1.1\r\nHost: odd.test\r\n", CLOSE],
            "methods are case-sensitive words, and `get` is one that nobody knows; services refuse it",
        ),
        odd(
            "TRACE",
            &["TRACE {path} HTTP/1.1\r\nHost: odd.test\r\n", CLOSE],
            "TRACE tells what went through; HAProxy passes it on",
        ),
        odd(
            "CONNECT",
            &["CONNECT odd.test:80 HTTP/1.1\r\nHost: odd.test:80\r\n", CLOSE],
            "405 says that nothing is tunnelled here; nginx does not read the line, HAProxy finds no such path",
        ),
        odd(
            "HTTP/1.2",
            &["GET {path} HTTP/1.2\r\nHost: odd.test\r\n", CLOSE],
            "RFC 9112 wants a later 1.x to be read as 1.1; nobody sends it",
        ),
        odd(
            "HTTP/3.0 in a line",
            &["GET {path} HTTP/3.0\r\nHost: odd.test\r\n", CLOSE],
            "nginx has 505 for it; HAProxy 2.6 passes it on",
        ),
        odd(
            "HTTP/0.9",
            &["GET {path}\r\n"],
            "nginx answers HTTP/0.9; the gateway waits for the rest of a head, and then ends the connection",
        ),
        odd(
            "two spaces in the first line",
            &["GET  {path} HTTP/1.1\r\nHost: odd.test\r\n", CLOSE],
            "nginx reads several spaces as one",
        ),
        odd("empty lines before the first", &["\r\n\r\n", GET, CLOSE], ""),
        odd("two requests at once", &[GET, "\r\n", SECOND], ""),
        odd(
            "bytes after the body",
            &[POST, "Content-Length: 4\r\n\r\ntextGARBAGE\r\n\r\n"],
            "what follows is no request; the first has been answered",
        ),
        odd(
            "a GET with a body",
            &[GET, "Content-Length: 4\r\n", CLOSE, "text"],
            "",
        ),
        odd("HEAD", &["HEAD {path} HTTP/1.1\r\nHost: odd.test\r\n", CLOSE], ""),
        odd(
            "100-continue",
            &[
                POST,
                "Content-Length: 4\r\nExpect: 100-continue\r\n",
                CLOSE,
                "text",
            ],
            "HAProxy sees that the body is there already",
        ),
        odd(
            "dot segments",
            &[
                "GET /api/users/me/../oauth2/./odd HTTP/1.1\r\nHost: odd.test\r\n",
                CLOSE,
            ],
            "HAProxy passes on what it gets",
        ),
        odd(
            "encoded dot segments",
            &[
                "GET /api/users/me/%2e%2e/oauth2/odd HTTP/1.1\r\nHost: odd.test\r\n",
                CLOSE,
            ],
            "HAProxy passes on what it gets",
        ),
        odd(
            "double slashes",
            &[
                "GET //api///users/oauth2/odd HTTP/1.1\r\nHost: odd.test\r\n",
                CLOSE,
            ],
            "HAProxy passes on what it gets",
        ),
        odd(
            "an encoded slash",
            &[
                "GET /api/users/oauth2%2fodd HTTP/1.1\r\nHost: odd.test\r\n",
                CLOSE,
            ],
            "one reader sees a segment, another two: refused",
        ),
        odd(
            "a broken percent sign",
            &["GET {path}%zz HTTP/1.1\r\nHost: odd.test\r\n", CLOSE],
            "HAProxy passes on what it gets",
        ),
        odd(
            "a zero byte in the path",
            &["GET {path}%00 HTTP/1.1\r\nHost: odd.test\r\n", CLOSE],
            "HAProxy passes on what it gets",
        ),
        odd(
            "a header with an underscore",
            &[GET, "X_User_Id: 1\r\n", CLOSE],
            "HAProxy passes it on",
        ),
        odd(
            "a header that only the gateway may set",
            &[GET, "X-User-Id: 1\r\n", CLOSE],
            "nginx and HAProxy know nothing of it",
        ),
        odd(
            "a header named in `Connection`",
            &[GET, "X-Hop: 1\r\nConnection: close, X-Hop\r\n\r\n"],
            "RFC 9110, section 7.6.1, wants it removed; nginx and HAProxy pass it on",
        ),
        odd(
            "an offer of h2c",
            &[GET, "Upgrade: h2c\r\n", CLOSE],
            "HAProxy 2.6 passes the offer on",
        ),
    ];
    requests.push(odd(
        "an address of 10 000 bytes",
        &[&long_path, CLOSE],
        "HAProxy takes whatever fits into its buffer",
    ));
    requests.push(odd(
        "a header of 70 000 bytes",
        &[GET, &long_header, CLOSE],
        "nginx and HAProxy have the older 400",
    ));
    requests.push(odd(
        "120 headers",
        &[GET, &many_headers, CLOSE],
        "nginx counts bytes only; HAProxy has the older 400",
    ));
    requests
}
