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

/// A codec as it knows it, with the sound of its files.
#[derive(Clone, Copy, Debug)]
pub struct Speaks {
    name: &'static str,
    hertz: u32,
    channels: u16,
}

impl Speaks {
    pub const PCMU: Self = Self { name: "PCMU/8000/1", hertz: 8_000, channels: 1 };
    pub const G722: Self = Self { name: "G722/16000/1", hertz: 16_000, channels: 1 };
    pub const OPUS: Self = Self { name: "opus/48000/2", hertz: 48_000, channels: 2 };
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

    /// `None`, and says so, where it is not installed. `transport` is `udp`, `tcp` or `tls`.
    pub fn start(host: &Host, agent: &str, transport: &str, hertz: u32) -> Option<Self> {
        Self::start_with(host, agent, transport, hertz, "", Speaks::PCMU, None)
    }

    /// With SRTP: `srtp` where the other side does it too, `srtp-mand` or not at all.
    pub fn start_encrypted(host: &Host, agent: &str, transport: &str, hertz: u32, srtp: &str) -> Option<Self> {
        Self::start_with(host, agent, transport, hertz, &format!(";mediaenc={srtp}"), Speaks::PCMU, None)
    }

    /// Speaks nothing else, and calls this number at once.
    pub fn start_calling(host: &Host, agent: &str, hertz: u32, speaks: Speaks, number: &str) -> Option<Self> {
        Self::start_with(host, agent, "udp", hertz, "", speaks, Some(number))
    }

    fn start_with(
        host: &Host,
        agent: &str,
        transport: &str,
        hertz: u32,
        more: &str,
        speaks: Speaks,
        number: Option<&str>,
    ) -> Option<Self> {
        let Some(modules) = MODULES.map(Path::new).into_iter().find(|folder| folder.join("aufile.so").exists()) else {
            println!("skipped: baresip is not installed; sudo apt-get install -y --no-install-recommends baresip-core");
            return None;
        };
        let folder = host.scratch().join(format!("baresip-{agent}"));
        fs::create_dir_all(&folder).unwrap();
        let says = folder.join("says.wav");
        write_tone(&says, hertz, speaks);
        // It does not begin if the file that it is told of is not there.
        let authority = match transport {
            "tls" => format!("sip_cafile {}\n", host.scratch().join("tls/authority.pem").display()),
            _ => String::new(),
        };
        let config = format!(
            "poll_method epoll\nsip_listen {ip}:0\n{authority}net_interface {ip}\nrtp_ports 46000-46999\n\
             snd_path {folder}\naudio_source aufile,{says}\naudio_alert aufile,{says}\n\
             ausrc_srate {rate}\nausrc_channels {channels}\nauplay_srate {rate}\nauplay_channels {channels}\naudio_level no\n\
             module_path {modules}\nmodule g711.so\nmodule g722.so\nmodule opus.so\nmodule aufile.so\nmodule sndfile.so\nmodule srtp.so\nmodule_tmp uuid.so\n\
             module_tmp account.so\nmodule_app menu.so\n",
            folder = folder.display(),
            says = says.display(),
            ip = host.sip.ip(),
            modules = modules.display(),
            rate = speaks.hertz,
            channels = speaks.channels,
        );
        fs::write(folder.join("config"), config).unwrap();
        let address = match transport {
            "tls" => host.encrypted("TLS"),
            "tcp" => host.sip_tcp,
            _ => host.sip,
        };
        let account = format!(
            "<sip:{agent}@{address};transport={transport}>;auth_user={agent};auth_pass={};answermode=auto;audio_codecs={};regint=600{more}\n",
            Tenant::password(agent),
            speaks.name
        );
        fs::write(folder.join("accounts"), account).unwrap();
        let log = |name: &str| fs::File::create(folder.join(name)).unwrap();
        let child = Command::new("baresip")
            .arg("-f")
            .arg(&folder)
            .args(number.iter().flat_map(|number| ["-e".to_owned(), format!("/dial sip:{number}@{address}")]))
            .stdin(Stdio::null())
            .stdout(log("out.log"))
            .stderr(log("err.log"))
            .spawn()
            .unwrap();
        Some(Self { child, folder })
    }

    /// What it heard, once it has ended: a WAV file.
    pub fn heard(mut self) -> PathBuf {
        // Asked to end, it closes its file.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success() && self.child.wait().is_ok());
        // One file for each direction, with the time in its name.
        let files = fs::read_dir(&self.folder).unwrap().map(|file| file.unwrap().path());
        let heard = files.into_iter().find(|file| file.to_string_lossy().ends_with("-dec.wav"));
        heard.expect("baresip writes down what it hears")
    }
}

/// A minute of a tone. baresip's own generator speaks at 48 kHz only, and its resampler is no part of Debian's core package.
fn write_tone(path: &Path, hertz: u32, speaks: Speaks) {
    let spec = hound::WavSpec {
        channels: speaks.channels,
        sample_rate: speaks.hertz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).unwrap();
    let turn = std::f64::consts::TAU * f64::from(hertz) / f64::from(speaks.hertz);
    for sample in 0..60 * speaks.hertz {
        for _ in 0..speaks.channels {
            file.write_sample((8_000.0 * (turn * f64::from(sample)).sin()) as i16).unwrap();
        }
    }
    file.finalize().unwrap();
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
