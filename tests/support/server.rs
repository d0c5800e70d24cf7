//! A remote behind a port of this machine that the system chooses: `git daemon` and `git http-backend`, started
//! anew for each connection.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A server of everything in a folder, gone when it is dropped.
pub(crate) struct Server {
    scheme: &'static str,
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

/// How one connection is answered.
type Answer = fn(&Path, TcpStream);

impl Server {
    /// Serves `git://`, nothing where this git has no daemon.
    pub(crate) fn git(root: &Path) -> Option<Self> {
        has("git-daemon").then(|| Self::start(root, "git", daemon))
    }

    /// Serves `http://`, nothing where this git has no program for it.
    pub(crate) fn http(root: &Path) -> Option<Self> {
        let both = has("git-http-backend") && has("git-remote-http");
        both.then(|| Self::start(root, "http", backend))
    }

    fn start(root: &Path, scheme: &'static str, answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let (root, over) = (root.to_owned(), is_over.clone());
        let accepting = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let root = root.clone();
                std::thread::spawn(move || answer(&root, stream));
            }
        });
        Self {
            scheme,
            address,
            is_over,
            accepting: Some(accepting),
        }
    }

    /// Returns the address of `hub.git` in the folder.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}/hub.git", self.scheme, self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

/// Returns whether git comes with a program, and says so where it does not.
fn has(program: &str) -> bool {
    let found = Command::new("git").arg("--exec-path").output().unwrap();
    let folder = PathBuf::from(String::from_utf8_lossy(&found.stdout).trim());
    let here = folder.join(program).exists();
    if !here {
        eprintln!("skipped: this git comes without {program}");
    }
    here
}

fn git(root: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", root)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stderr(Stdio::null());
    command
}

fn daemon(root: &Path, stream: TcpStream) {
    let base = format!("--base-path={}", root.display());
    let input = OwnedFd::from(stream.try_clone().unwrap());
    let mut command = git(root);
    command
        .args(["daemon", "--inetd", "--export-all"])
        .args(["--enable=receive-pack", &base])
        .arg(root)
        .stdin(input)
        .stdout(OwnedFd::from(stream));
    drop(command.status());
}

/// Answers one request with what the program says (gitprotocol-http(5), git-http-backend(1)).
fn backend(root: &Path, stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(1..) if !line.trim_end().is_empty() => lines.push(line.trim_end().to_owned()),
            _ => break,
        }
    }
    let Some(first) = lines.first() else { return };
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |name: &str| {
        let pairs = lines.iter().filter_map(|line| line.split_once(": "));
        let mut of = pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        of.next().map(|(_, value)| value).unwrap_or_default()
    };
    let body = match header("Transfer-Encoding") {
        "chunked" => chunks(&mut reader),
        _ => {
            let mut body = vec![0; header("Content-Length").parse().unwrap_or_default()];
            reader.read_exact(&mut body).unwrap();
            body
        }
    };
    let mut command = git(root);
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "tester")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("Content-Type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("Content-Encoding"))
        .env("GIT_PROTOCOL", header("Git-Protocol"));
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let feeding = std::thread::spawn(move || drop(input.write_all(&body)));
    let said = child.wait_with_output().unwrap().stdout;
    drop(feeding.join());
    let end = said.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&said[..end]).into_owned();
    let status = head
        .lines()
        .find_map(|line| line.strip_prefix("Status: "))
        .unwrap_or("200 OK");
    let mut answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for line in head.lines().filter(|line| !line.starts_with("Status: ")) {
        answer.push_str(&format!("{line}\r\n"));
    }
    answer.push_str("\r\n");
    let mut stream = stream;
    // Who does not want the answer has gone.
    drop(stream.write_all(answer.as_bytes()));
    drop(stream.write_all(&said[end + 4..]));
}

fn chunks(reader: &mut BufReader<TcpStream>) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let size = usize::from_str_radix(line.trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).unwrap();
        if size == 0 {
            return body;
        }
        body.extend(&chunk[..size]);
    }
}
