"""A network of its own: this machine, and one behind it that serves and writes down every packet that reaches it.

world.py CONFIG, in a user, network and mount namespace. CONFIG is JSON: "directory", "project", "program", "env", "rows". Each row
has "words" for `palisade run`, or none to run without it, "sh", and what is "typed" at a terminal where it asks. Prints JSON: for each row its code, output, error
and the canary's lines.
"""

import ctypes, http.server, json, os, pty, select, shutil, socket, socketserver, ssl, struct, subprocess, sys, threading, time

GOOD, EVIL, NEAR, INNER, RAW = "93.184.216.34", "93.184.216.35", "93.184.216.1", "10.9.9.9", "93.184.216.36"
HOSTS = {
    "good.example": GOOD,
    "www.good.example": GOOD,
    "evil.example": EVIL,
    "inner.example": "127.0.0.1",
    "near.example": NEAR,
    "private.example": INNER,
    "meta.example": "169.254.169.254",
    "raw.example": RAW,
}
# Names that the machine behind answers for: addresses that take turns, an address of another family, another name.
TURNS = {"turns.example": [GOOD, INNER], "both.example": [GOOD], "word.good.example": [GOOD]}
INNER_6 = "fd00::9"
ALIASES = {"alias.example": ("inside.example", INNER)}
config = json.load(open(sys.argv[1]))
at = config["directory"]
canary = os.path.join(at, "canary")


def system(words):
    subprocess.run(words.split(), check=True)


def note(line):
    with open(canary, "a") as log:
        log.write(line + "\n")


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        own, secret = self.connection.getsockname()[0], self.headers.get("Authorization")
        note(f"request {own} {self.headers.get('Host')} {self.path}" + (f" with {secret}" if secret else ""))
        if "X-Token" in self.headers:
            note(f"token {self.headers['X-Token']}")
        if self.path == "/echo":
            body = f"you said {secret}\n".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Echo", str(secret))
            self.end_headers()
            self.wfile.write(body)
            return
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", "http://" + self.path[4:])
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            super().do_GET()

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass


class Server(http.server.ThreadingHTTPServer):
    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Without looking its own name up, which nobody answers here.
        socketserver.TCPServer.server_bind(self)


def serve(port, tls):
    server = Server(("0.0.0.0", port), lambda *a: Handler(*a, directory=at + "/files"))
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(at + "/leaf.pem", at + "/leaf.key")
        # The handshake is the connection's own thread's.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def listen(port):
    """Hears whatever comes at an address of its own, and sends it back."""
    listener = socket.socket()
    for option in [socket.SO_REUSEADDR, socket.SO_REUSEPORT]:
        listener.setsockopt(socket.SOL_SOCKET, option, 1)
    listener.bind((RAW, port))
    listener.listen()

    def serve(connection):
        try:
            while text := connection.recv(4096):
                note(f"heard {port} {text.decode('latin-1')!r}")
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except OSError:
            pass

    def accept():
        while True:
            threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def answer_names():
    """Answers questions for names, and writes each down."""
    server = socket.socket(type=socket.SOCK_DGRAM)
    server.bind((GOOD, 53))
    asked = {}
    coded = lambda name: b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    record = lambda owner, kind, data: owner + struct.pack("!HHIH", kind, 1, 0, len(data)) + data
    while True:
        question, client = server.recvfrom(512)
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode("latin-1"))
            at += 1 + question[at]
        name, kind, here = ".".join(labels), question[at + 2], b"\xc0\x0c"
        records = []
        if kind == 1:
            asked[name] = asked.get(name, 0) + 1
            note(f"asked {name} {asked[name]}")
            if name in TURNS:
                turns = TURNS[name]
                records = [record(here, 1, socket.inet_aton(turns[(asked[name] - 1) % len(turns)]))]
        elif name == "both.example" and kind == 28:
            records = [record(here, 28, socket.inet_pton(socket.AF_INET6, INNER_6))]
        if name in ALIASES:
            other, address = ALIASES[name]
            records = [record(here, 5, coded(other))]
            records += [record(coded(other), 1, socket.inet_aton(address))] if kind == 1 else []
        is_known = name in TURNS or name in ALIASES
        head = question[:2] + struct.pack("!HHHHH", 0x8180 if is_known else 0x8183, 1, len(records), 0, 0)
        server.sendto(head + question[12 : at + 5] + b"".join(records), client)


def sniff():
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    while True:
        packet, (interface, protocol, kind, *_) = packets.recvfrom(65535)
        if protocol != 0x800 or kind == socket.PACKET_OUTGOING or len(packet) < 24:
            continue
        head = (packet[0] & 15) * 4
        to = socket.inet_ntoa(packet[16:20])
        port = struct.unpack("!H", packet[head + 2 : head + 4])[0]
        if packet[9] == 6 and packet[head + 13] & 0x12 == 2:
            note(f"tcp {to}:{port}")
        elif packet[9] == 17:
            note(f"udp {to}:{port}")
        elif packet[9] == 1:
            note(f"icmp {to}")


def pass_on(address, port, path):
    """Passes connections on to a server of the test, which listens at a path."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((address, port))
    listener.listen()

    def copy(source, sink):
        try:
            while text := source.recv(65536):
                sink.sendall(text)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def accept():
        while True:
            client, server = listener.accept()[0], socket.socket(socket.AF_UNIX)
            server.connect(path)
            for ends in [(client, server), (server, client)]:
                threading.Thread(target=copy, args=ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def behind(ready, go):
    """Is the machine behind."""
    assert ctypes.CDLL(None, use_errno=True).unshare(0x40000000) == 0, "no network namespace"
    os.write(ready, b"x")
    os.read(go, 1)
    system("ip link set lo up")
    for address in [GOOD + "/24", EVIL + "/24", RAW + "/24", INNER + "/32", "169.254.169.254/32"]:
        system(f"ip addr add {address} dev in")
    system("ip link set in up")
    threading.Thread(target=sniff, daemon=True).start()
    for port, tls in [(80, False), (8080, False), (443, True), (8443, True)]:
        serve(port, tls)
    for address, port, path in config.get("passed", []):
        pass_on(address, port, path)
    taken = [port for _, port, _ in config.get("passed", [])]
    for port in [22, 25, 80, 443, 9418]:
        if port not in taken:
            listen(port)
    threading.Thread(target=answer_names, daemon=True).start()
    os.write(ready, b"x")
    threading.Event().wait()


def certificates():
    """Makes an authority, which clients believe, and the servers' certificate."""
    new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout"
    with open(at + "/names", "w") as names:
        names.write("subjectAltName=" + ",".join("DNS:" + name for name in HOSTS))
    for words in [
        f"req -x509 {new} {at}/cert.key -days 2 -subj /CN=test -out {at}/cert.pem",
        f"req {new} {at}/leaf.key -subj /CN=good.example -out {at}/leaf.csr",
        f"x509 -req -in {at}/leaf.csr -CA {at}/cert.pem -CAkey {at}/cert.key -CAcreateserial -days 2 "
        f"-extfile {at}/names -out {at}/leaf.pem",
    ]:
        subprocess.run(["openssl", *words.split()], check=True, capture_output=True)


def run(row):
    open(canary, "w").close()
    words = ["sh", "-c", row["sh"]]
    if row["words"] is not None:
        words = [config["program"], "run", *row["words"], "--", *(row.get("argv") or words)]
    if row["typed"] is not None:
        code, out, error = at_terminal(words, list(row["typed"]))
    else:
        environment = {**os.environ, **config["env"]}
        done = subprocess.run(words, cwd=config["project"], env=environment, capture_output=True, timeout=150)
        code, out, error = done.returncode, done.stdout, done.stderr
    # What is under way arrives.
    time.sleep(0.05)
    seen = sorted(set(open(canary).read().splitlines()))
    return {"code": code, "out": out.decode(errors="replace"), "error": error.decode(errors="replace"), "seen": seen}


def at_terminal(words, answers):
    """Runs at a terminal of its own, and types the next answer whenever one is asked for."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(config["project"])
        os.execv(shutil.which(words[0]), words)
    shown, asked = b"", 0
    while select.select([terminal], [], [], 30)[0]:
        try:
            more = os.read(terminal, 4096)
        except OSError:
            break
        if not more:
            break
        shown += more
        while shown.count(b"[d]eny: ") > asked:
            asked += 1
            os.write(terminal, answers.pop(0).encode() + b"\n" if answers else b"no answer\n")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown, b""


def main():
    certificates()
    (ready, ready_end), (go, go_end) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        behind(ready_end, go)
    try:
        os.read(ready, 1)
        system("ip link set lo up")
        system("ip link add out type veth peer name in")
        system(f"ip link set in netns {child}")
        system(f"ip addr add {NEAR}/24 dev out")
        system("ip link set out up")
        system(f"ip route add default via {GOOD}")
        os.write(go_end, b"x")
        os.read(ready, 1)
        with open(at + "/hosts", "w") as hosts:
            hosts.write("127.0.0.1 localhost\n")
            hosts.writelines(f"{address} {name}\n" for name, address in HOSTS.items())
        with open(at + "/resolver", "w") as resolver:
            resolver.write(f"nameserver {GOOD}\n")
        for name, path in [("hosts", "/etc/hosts"), ("resolver", "/etc/resolv.conf")]:
            system(f"mount --bind {at}/{name} {path}")
        # This machine's own service.
        serve(9090, False)
        beside = [subprocess.Popen(words, stdout=subprocess.DEVNULL) for words in config.get("beside", [])]
        try:
            print(json.dumps([run(row) for row in config["rows"]]))
        finally:
            for one in beside:
                one.kill()
    finally:
        os.kill(child, 9)


# What a test adds to the machine behind.
if os.path.exists(at + "/more.py"):
    exec(open(at + "/more.py").read())
main()
