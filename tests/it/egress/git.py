"""Repositories on the machine behind: git's own server by HTTP, for whoever has the token. Run in world.py."""

import base64, subprocess

TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"


def git(self):
    path, _, query = self.path.removeprefix("/git").partition("?")
    kind, _, word = (self.headers.get("Authorization") or "").partition(" ")
    user, _, password = base64.b64decode(word).decode().partition(":") if kind == "Basic" else ("", "", "")
    note(f"git {self.connection.getsockname()[0]} {self.command} {path} {query} as {user} with {password}")
    if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
    else:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
    if password != TOKEN:
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return
    words = {
        "GIT_PROJECT_ROOT": at + "/repos",
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": self.command,
        "CONTENT_TYPE": self.headers.get("Content-Type") or "",
        "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
        "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
        "REMOTE_USER": user,
        "CONTENT_LENGTH": str(len(body)),
    }
    environment = {"PATH": os.environ["PATH"], "HOME": at, **words}
    done = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True)
    head, _, answer = done.stdout.partition(b"\r\n\r\n")
    fields = [line.split(": ", 1) for line in head.decode().splitlines()]
    status = next((value for name, value in fields if name.lower() == "status"), "200 OK")
    self.send_response(int(status.split()[0]))
    for name, value in fields:
        if name.lower() != "status":
            self.send_header(name, value)
    self.send_header("Content-Length", str(len(answer)))
    self.end_headers()
    self.wfile.write(answer)


def answer(files):
    def either(self):
        if self.path.startswith("/git/"):
            git(self)
        else:
            files(self)

    return either


def posted(self):
    body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
    note(f"posted {self.path} {body}")
    self.send_response(200)
    self.send_header("Content-Length", "0")
    self.end_headers()


Handler.do_GET = answer(Handler.do_GET)
Handler.do_POST = answer(posted)
Handler.do_DELETE = posted
