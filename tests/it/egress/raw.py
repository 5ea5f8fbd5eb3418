"""A client that sends what it likes: raw.py HOST PORT BYTES.

Where there is a proxy it asks for a tunnel, or sends what begins with a method as it is; else it connects by itself. BYTES may
have escapes, and `@PROXY` and `@DIRECT` before what is for one of the two alone. Prints what comes back in a second.
"""

import os, socket, sys

host, port, text = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode().decode("unicode_escape").encode("latin-1")
proxy = os.environ.get("HTTP_PROXY")
whole, _, direct = text.partition(b"@DIRECT")
connection = socket.create_connection(("127.0.0.1", 3128) if proxy else (host, port), timeout=10)
if proxy and whole.startswith(b"@PROXY"):
    text = whole[len(b"@PROXY"):]
else:
    text = direct or whole
    if proxy:
        connection.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            more = connection.recv(1)
            if not more:
                break
            answer += more
        print(answer.decode("latin-1"))
        if b" 200 " not in answer:
            sys.exit(7)
connection.sendall(text)
connection.settimeout(1)
back = b""
try:
    while more := connection.recv(4096):
        back += more
except OSError:
    pass
print(back.decode("latin-1"))
