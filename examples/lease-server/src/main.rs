//! The connections of the server: `lease-server FOLDER ADDRESS [OFFER TERM COOLDOWN]`, times in seconds.

#[cfg(target_os = "linux")]
mod connections {
    use lease_server_example::Fatal;
    use lease_server_example::server::{Server, Times};
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::spawn_blocking;

    pub(crate) fn main() -> Result<(), Fatal> {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let (folder, addr, seconds) = match &args[..] {
            [folder, addr] => (folder, addr, [30, 3600, 60]),
            [folder, addr, offer, term, cooldown] => {
                let seconds = [offer.parse()?, term.parse()?, cooldown.parse()?];
                (folder, addr, seconds)
            }
            _ => return Err("lease-server FOLDER ADDRESS [OFFER TERM COOLDOWN]".into()),
        };
        let [offer, term, cooldown] = seconds.map(Duration::from_secs);
        let times = Times {
            offer,
            term,
            cooldown,
        };
        let (server, restored) = Server::start(Path::new(folder), times)?;
        println!("{restored}");
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_io().build()?;
        runtime.block_on(serve(Arc::new(server), addr))
    }

    async fn serve(server: Arc<Server>, addr: &str) -> Result<(), Fatal> {
        let listener = TcpListener::bind(addr).await?;
        println!("listening on {}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(talk(Arc::clone(&server), stream));
        }
    }

    /// Answers a client, until it goes.
    async fn talk(server: Arc<Server>, mut stream: TcpStream) {
        let (read, mut write) = stream.split();
        let mut lines = BufReader::new(read).lines();
        let mut session = server.session();
        while let Ok(Some(line)) = lines.next_line().await {
            let asked = Arc::clone(&server);
            // A command may wait for the disk, which no other connection should do. Once begun, it is done to its end,
            // even if the client goes meanwhile.
            let command = spawn_blocking(move || {
                let answer = asked.answer(&mut session, &line);
                (session, answer)
            });
            let answer;
            (session, answer) = match command.await {
                Ok((session, Ok(answer))) => (session, answer),
                Ok((_, Err(error))) => die(&error.to_string()),
                Err(panic) => die(&panic.to_string()),
            };
            if write
                .write_all(format!("{answer}\n").as_bytes())
                .await
                .is_err()
            {
                break;
            }
        }
        spawn_blocking(move || server.leave(&session));
    }

    /// Disk or pool refused: what was done is unknown here. The next start finds out.
    fn die(error: &str) -> ! {
        eprintln!("lease-server: {error}");
        std::process::exit(1)
    }
}

#[cfg(target_os = "linux")]
fn main() -> Result<(), lease_server_example::Fatal> {
    connections::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("pools in files need Linux");
}
