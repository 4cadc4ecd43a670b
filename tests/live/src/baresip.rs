//! baresip as a peer: a telephone of other people's making, without a screen and with files for a loudspeaker.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{Host, Tenant};

/// A phone that registers, answers every call at once, says a tone, and writes what it hears to a file. Ends when dropped.
#[derive(Debug)]
pub struct Baresip {
    child: Child,
    folder: PathBuf,
}

/// Where its modules may be.
const MODULES: [&str; 2] = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"];

impl Baresip {
    /// An address of this machine that it can be called at: it refuses the loopback interface. `None`, and says so, where there is none.
    pub fn address() -> Option<IpAddr> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        // TEST-NET-3 (RFC 5737): only the routing table is asked.
        let routed = socket.connect("203.0.113.1:9").and_then(|()| socket.local_addr());
        let address = routed.ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback());
        if address.is_none() {
            println!("skipped: baresip needs a network interface besides the loopback");
        }
        address
    }

    /// `None`, and says so, where it is not installed. `transport` is `udp` or `tcp`.
    pub fn start(host: &Host, agent: &str, transport: &str, hertz: u32) -> Option<Self> {
        let Some(modules) = MODULES.map(Path::new).into_iter().find(|folder| folder.join("ausine.so").exists()) else {
            println!("skipped: baresip is not installed; sudo apt-get install -y --no-install-recommends baresip-core");
            return None;
        };
        let folder = host.scratch().join(format!("baresip-{agent}"));
        fs::create_dir_all(&folder).unwrap();
        let config = format!(
            "poll_method epoll\nsip_listen {ip}:0\nnet_interface {ip}\nrtp_ports 46000-46999\n\
             audio_player aufile,{heard}\naudio_source ausine,{hertz}\naudio_alert ausine,{hertz}\n\
             ausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\naudio_level no\n\
             module_path {modules}\nmodule g711.so\nmodule ausine.so\nmodule aufile.so\nmodule_tmp uuid.so\n\
             module_tmp account.so\nmodule_app menu.so\n",
            heard = folder.join("heard.wav").display(),
            ip = host.sip.ip(),
            modules = modules.display(),
        );
        fs::write(folder.join("config"), config).unwrap();
        let address = if transport == "tcp" { host.sip_tcp } else { host.sip };
        let account = format!(
            "<sip:{agent}@{address};transport={transport}>;auth_user={agent};auth_pass={};answermode=auto;audio_codecs=PCMU/8000/1;regint=600\n",
            Tenant::password(agent)
        );
        fs::write(folder.join("accounts"), account).unwrap();
        let log = |name: &str| fs::File::create(folder.join(name)).unwrap();
        let child = Command::new("baresip")
            .arg("-f")
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(log("out.log"))
            .stderr(log("err.log"))
            .spawn()
            .unwrap();
        Some(Self { child, folder })
    }

    /// What it played to its owner's ear, once it has ended: a WAV file.
    pub fn heard(mut self) -> PathBuf {
        // Asked to end, it closes its file.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success() && self.child.wait().is_ok());
        self.folder.join("heard.wav")
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let said = fs::read_to_string(self.folder.join("out.log")).unwrap_or_default();
            eprintln!("baresip said:\n{said}");
        }
    }
}
