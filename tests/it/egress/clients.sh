# Makes what real clients get, below the first argument, as files alone: a repository, a package of npm, of Python and of
# Rust with their registries, and the clients that are written here, below the second.
set -e
files=$1 own=$2 host=https://good.example
mkdir -p "$files" "$own"
cd "$own"
export HOME=$own GIT_CONFIG_NOSYSTEM=1

# git, by the protocol that needs files alone.
git init --quiet work
echo content > work/a.txt
git -C work add .
git -C work -c user.name=probe -c user.email=probe@good.example commit --quiet --message one
git clone --quiet --bare work "$files/tool.git"
git -C "$files/tool.git" update-server-info

# npm.
mkdir -p package "$files/npm"
echo '{"name":"tool","version":"1.0.0","main":"tool.js"}' > package/package.json
echo 'console.log("hello")' > package/tool.js
tar -czf "$files/npm/tool-1.0.0.tgz" package
digest=$(openssl dgst -sha512 -binary "$files/npm/tool-1.0.0.tgz" | openssl base64 -A)
echo '{"name":"tool","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"tool","version":"1.0.0","dist":' \
    "{\"tarball\":\"$host/npm/tool-1.0.0.tgz\",\"integrity\":\"sha512-$digest\"}}}}" > "$files/npm/tool"

# pip.
mkdir -p "$files/simple/tool"
python3 - "$files/simple/tool" <<'PYTHON'
import sys, zipfile
name = "tool-1.0.0-py3-none-any.whl"
with zipfile.ZipFile(f"{sys.argv[1]}/{name}", "w") as wheel:
    wheel.writestr("tool.py", "print('hello')\n")
    wheel.writestr("tool-1.0.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tool\nVersion: 1.0.0\n")
    wheel.writestr("tool-1.0.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr("tool-1.0.0.dist-info/RECORD", "")
open(f"{sys.argv[1]}/index.html", "w").write(f'<!DOCTYPE html><html><body><a href="{name}">{name}</a></body></html>')
PYTHON

# cargo, by its sparse protocol.
mkdir -p tool-1.0.0/src "$files/index/to/ol" "$files/crates"
printf '[package]\nname = "tool"\nversion = "1.0.0"\nedition = "2021"\n' > tool-1.0.0/Cargo.toml
echo 'pub const HELLO: &str = "hello";' > tool-1.0.0/src/lib.rs
tar -czf "$files/crates/tool-1.0.0.crate" tool-1.0.0
digest=$(sha256sum "$files/crates/tool-1.0.0.crate" | cut -d ' ' -f 1)
echo "{\"dl\":\"$host/crates/{crate}-{version}.crate\"}" > "$files/index/config.json"
echo "{\"name\":\"tool\",\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":\"$digest\",\"features\":{},\"yanked\":false}" \
    > "$files/index/to/ol/tool"

# Clients.
cat > client.go <<'GO'
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	answer, err := http.Get(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	body, _ := io.ReadAll(answer.Body)
	fmt.Print(string(body))
}
GO
cat > Client.java <<'JAVA'
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

class Client {
    public static void main(String[] arguments) throws Exception {
        var url = URI.create(arguments[0]);
        System.out.print(new String(url.toURL().openStream().readAllBytes()));
        System.out.print(HttpClient.newHttpClient().send(HttpRequest.newBuilder(url).build(), BodyHandlers.ofString()).body());
    }
}
JAVA
