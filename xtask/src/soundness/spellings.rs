//! Generated commands: words in every spelling of bash, in every kind of command.

use crate::random::Random;

/// Spellings of pieces of a word; `@` becomes a name.
const PIECES: &[&str] = &[
    "@",
    "@",
    "'@'",
    "'@ @'",
    "\"@\"",
    "\"@ @\"",
    "\\@",
    "@\\ @",
    "\\\n@",
    "'@'\\''@'",
    "\"@\\\"@\"",
    "\"\\@\"",
    "\"@\\\\\"",
    "\"\\$@\"",
    "$'@'",
    "$'\\x41@'",
    "$'@\\n'",
    "$'\\101\\u00e9'",
    "$'\\cA@'",
    "$'it\\'s'",
    "$'a\\0b'",
    "$\"@\"",
    "{@,@}",
    "{@,'@ @',}",
    "@{1..3}",
    "{c..a}@",
    "{01..03}",
    "{1..7..3}",
    "{@",
    "{@}",
    "@,@}",
    "\"{@,@}\"",
    "\\{@,@}",
    "{@,{@,@}}",
    "${x}{@,@}",
    "~",
    "~/@",
    "'~'/@",
    "\\~/@",
    "@~",
    "@=~",
    "@:~/@",
    "$HOME",
    "\"$HOME/@\"",
    "${HOME}",
    "'$HOME'",
    "\\$HOME",
    "$x",
    "\"$x\"",
    "${x}",
    "\"${x}@\"",
    "$y",
    "\"$y\"",
    "${x:-@}",
    "\"${x-@}\"",
    "${unset:-@}",
    "${x:+@}",
    "${x%l}",
    "${x#v}",
    "${x/v/@}",
    "${x^^}",
    "${#x}",
    "${x:1}",
    "${!x}",
    "\"${a[0]}\"",
    "\"${a[@]}\"",
    "${a[@]}",
    "\"${a[*]}\"",
    "${#a[@]}",
    "$((1 + 2))",
    "$((x))",
    "$[3]",
    "$(@ @)",
    "\"$(@ '@')\"",
    "`@ @`",
    "\"`@ \\\"@\\\"`\"",
    "*",
    "*.txt",
    "\"*\"",
    "\\*.txt",
    "[ab].txt",
    "?.@",
    "[@",
    "!(@)",
    "@#@",
    "''",
    "\"\"",
    "$1",
    "\"$@\"",
    "$#",
    "$?",
    "$$",
    "-@",
    "--@=@",
    "--@='@ @'",
    "@+@",
    "%@",
    "^@",
    "!@",
    "é",
    "\"$\"",
    "$",
    "@$",
    "\\\\",
    "@=@",
    "@[1]=@",
    "2",
    "@\\",
];

/// Kinds of commands; `%` becomes a list of words, `@` a name.
const SHAPES: &[&str] = &[
    "%",
    "%",
    "%",
    "%; %",
    "% && %",
    "% || %",
    "% && % || %",
    "% | %",
    "% |& %",
    "% & %",
    "! %",
    "time %",
    "(%; %)",
    "{ %; %; }",
    "if %; then %; else %; fi",
    "if %; then %; elif %; then %; fi",
    "for i in % ; do % $i; done",
    "for i in @ '@ @'; do @ \"$i\" %; done",
    "for ((i = 0; i < 2; i++)); do % $i; done",
    "case @ in @) % ;; *) % ;; esac",
    "case @ in (@|@) % ;& *) % ;; esac",
    "until %; do %; break; done",
    "f() { %; % \"$1\"; }; f @ %",
    "function f { %; }\nf",
    "f() (%); f | %",
    "[[ -n @ ]] && %",
    "[[ @ == [a-m]* ]] || %",
    "((1)) && %",
    "@=@ %",
    "@='@ @' @=$HOME %",
    "x=@; % \"$x\" $x",
    "x='@ @'; % \"$x\" $x",
    "x=; % $x \"$x\" @",
    "x=~/@; % $x",
    "x='*'; % $x \"$x\"",
    "x=@ y=$x; % $y",
    "export x=@; % $x",
    "unset x; % \"$x\" @",
    "x=@; x+=@; % $x",
    "a=(@ '@ @' @); % \"${a[@]}\"",
    "a=(@); a[1]=@; % ${a[1]}",
    "declare x=@; % $x",
    "readonly x=@; % $x",
    "read x <<< @; % $x",
    "x=@; (x=@; % $x); % $x",
    "x=@; { x=@; }; % $x",
    "x=@; if %; then x=@; fi; % $x",
    "x=@; for i in 1 2; do % $x; x=@; done; % $x",
    "x=@; f() { x=@; }; f; % $x",
    "x=@; @ | x=@; % $x",
    "set -- @ '@ @'; % $1 \"$2\" \"$@\"",
    "cd src; % \"$PWD\"",
    "cd src && % $PWD || % $PWD",
    "IFS=a; x=banana; % $x",
    "% < a.txt",
    "% > /dev/null 2>&1",
    "% 2> /dev/null >> out",
    "% <<< %",
    "% <<E\n$x @ $(@ @)\nE\n%",
    "% <<'E'\n$x @ $(@ @)\nE\n%",
    "% <<-E | %\n\tline\n\tE\n%",
    "% <<A <<B\none\nA\ntwo\nB",
    "% <(%) @",
    "% # %",
    "% \\\n  %",
    "%\n\n%",
    "@ $(%; %)",
    "x=$(%); % @",
    "@ \"$(% | %)\"",
    "@ `%`",
    "command %",
    "eval '%'",
    "shopt -s extglob; %",
    "set -f; % *",
    "while %; do %; break; done < a.txt",
    "coproc { %; }; %",
    "% ;; %",
    "% && (% || %) | %",
    "alias @='@'; %",
    "trap '%' EXIT; %",
    "let x=1+2; % $x",
    "x=5; ((x++)); % $x",
    "printf -v x @; % $x",
    "local x=@; % $x",
    "x=@; y=x; % ${!y}",
    "x[0]=@; % $x",
    "{x}=@ %",
    "f() { cd src; }; f; % \"$PWD\"",
    "f() { x=@; }; x=@; f; % $x",
    "f() { x=@; }; if %; then f; fi; % $x",
    "x=@; % $((x = 3)) $x; % $x",
    "unset x; % ${x:=@} $x; % $x",
    "x=; % ${x:=@}; % $x",
    "for ((x = 0; x < 2; x++)); do % $x; done; % $x",
    "x=1; % $((x++)) $x; % $x",
    "x=1; a[x++]=@; % $x",
    "x=1; % ${y:x++}; % $x",
    "x=1; [[ x++ -eq 1 ]]; % $x",
    "mapfile -t x <<< @; % $x",
    "while read -r x; do % $x; done <<< @; % $x",
    "getopts @ x -@; % $x",
    "declare -n r=x; r=@; % $x",
    "declare -i x=1+2; % $x",
    "declare -i x; x=1+2; % $x",
    "declare -u x; x=@; % $x",
    "x=@; declare x+=@; % $x",
    "x=@; unset -v x; % $x @",
    "x=@; x=@ %; % $x",
    "x=@; { x=@; } | %; % $x",
    "shopt -s lastpipe; x=@; % | read x; % $x",
    "shopt -s lastpipe; x=@; % | x=@; % $x",
    "shopt -s nullglob; % *.none",
    "shopt -s failglob; % *.none",
    "shopt -s nullglob dotglob; % *",
    "set -k; % x=@ @",
    "set +B; % {@,@}",
    "set -o noglob; % *",
    "set -u; % $unset; %",
    "set -e; %; %",
    "x=@; exec {x}> /dev/null; % $x",
    "x=@; trap 'x=@' DEBUG; %; % $x",
    "x=@; . /dev/stdin <<< x=@; % $x",
    "x=@; eval x=@; % $x",
    "x=@; command x=@; % $x",
    "x=@; builtin eval x=@; % $x",
    "HOME=@; % ~ $HOME",
    "HOME=@ % ~ $HOME; % ~",
    "PWD=@; % \"$PWD\" ~+",
    "pushd src; % \"$PWD\" ~+ ~-",
    "cd src; cd -; % \"$PWD\"",
    "(cd src; %); % \"$PWD\"",
    "cd nowhere; % \"$PWD\"",
    "f() { declare -g x=@; }; f; % $x",
    "f() { local x=@; % $x; }; x=@; f; % $x",
    "f() { shift; % $1 \"$@\"; }; f @ @",
    "x=(@ @); % $x",
    "x=@; x+=(@); % $x \"${x[@]}\"",
    "x=@; x[1]=@; % $x",
    "% && x=@; % $x",
    "% || x=@; % $x",
    "x=@; % & x=@; % $x",
    "x=@; case @ in @) x=@ ;; esac; % $x",
    "x=@; while %; do x=@; break; x=@; done; % $x",
    "x=@; until %; do x=@; % $x; break; done; % $x",
    "for x in @ @; do %; done; % $x",
    "for x; do %; done; % $x",
    "select x in @; do %; done <<< 1; % $x",
    "x='~'; % $x \"$x\"",
    "x='{a,b}'; % $x",
    "x='a b'; % $x'c d'$x",
    "x=' a '; % $x$x \"$x\"",
    "x='$y'; % $x; eval % $x",
    "x=$'@\n@'; % $x",
    "x=@; y=\"$x $x\"; % $y \"$y\"",
    "x='@ -@'; $x %",
    "x=@; $x$x %",
    "x=@; \"$x\" %",
    "x=$_; % $x $_",
    "% $- $! $0 \"$*\" $*",
    "x=@; y=x; % \"${!y}\"",
    "x=@; % \"${x@Q}\" ${x@U}",
    "IFS=; x='a b'; % $x",
    "IFS=:; x=a:b; % $x",
    "IFS=: read x y <<< a:b; % $x",
    "x=@; (( x = 1 )) && % $x",
    "x=@; true && x=@ && % $x || % $x",
    "if x=@; then % $x; fi",
    "! x=@; % $x",
    "time x=@; % $x",
    "{ x=@; } 2> /dev/null; % $x",
    "x=@ > out; % $x",
    "x=@ 2> nowhere/out; % $x",
    "set -- @ @; shift; % $1",
    "set @; % $1 $#",
    "% \"$(x=@; % $x)\" $x",
    "x=@; % \"$(x=@; @ $x)\" $x",
    "x=@; % <<< \"${x:=@}\"; % $x",
    "x=@; cat <<E\n$((x = 7))\nE\n% $x",
    "%;%&%",
];

const NAMES: &[&str] = &["alpha", "beta", "ls", "cat", "rm", "src", "a.txt", "n", "Q7", "do-it", "x.y"];

/// Returns so many commands, the same for the same seed.
pub(super) fn generated(seed: u64, count: usize) -> Vec<String> {
    let mut random = Random::new(seed);
    (0..count).map(|_| command(&mut random)).collect()
}

fn command(random: &mut Random) -> String {
    let mut text = String::new();
    let shape = random.choose(SHAPES).copied().unwrap_or_default();
    // Most commands set what the words of the others use.
    if random.below(3) > 0 {
        text.push_str("x=val; y='two words'; a=(one 'two 2'); ");
    }
    for letter in shape.chars() {
        match letter {
            '%' => list(random, &mut text),
            '@' => text.push_str(name(random)),
            other => text.push(other),
        }
    }
    text
}

/// Writes a name of a command and some words.
fn list(random: &mut Random, text: &mut String) {
    if random.below(6) == 0 {
        word(random, text)
    } else {
        text.push_str(name(random))
    }
    for _ in 0..random.below(4) {
        text.push(' ');
        word(random, text);
    }
}

fn word(random: &mut Random, text: &mut String) {
    for _ in 0..=random.below(3) / 2 + random.below(2) {
        let piece = random.choose(PIECES).copied().unwrap_or_default();
        for letter in piece.chars() {
            // `"$@"` is a piece of its own.
            if letter == '@' && !text.ends_with('$') && !text.ends_with('[') {
                text.push_str(name(random));
            } else {
                text.push(letter);
            }
        }
    }
}

fn name(random: &mut Random) -> &'static str {
    random.choose(NAMES).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::generated;

    #[test]
    fn a_seed_gives_the_same_commands() {
        assert_eq!(generated(7, 50), generated(7, 50));
        assert_ne!(generated(7, 50), generated(8, 50));
    }
}
