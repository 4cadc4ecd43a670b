//! Which addresses a plugin may reach: what a name stands for is judged by its address, at the moment of connecting to just that address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of network an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Network {
    /// The open internet.
    Public,
    /// The installation's own networks: RFC 1918, RFC 4193, carrier-grade NAT (RFC 6598).
    Private,
    /// This very machine.
    Loopback,
    /// Nobody's business: link-local, the metadata services of clouds, multicast, reserved, and tunnels whose other end nobody sees.
    Never,
}

/// Metadata and management services of clouds that do not lie in 169.254.0.0/16: Azure's, Alibaba's, Amazon's and Google's by IPv6.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// By IANA's special-purpose registries (RFC 6890).
pub(crate) fn network(address: IpAddr) -> Network {
    if METADATA.contains(&address) {
        return Network::Never;
    }
    match address {
        IpAddr::V4(address) => network_v4(address),
        IpAddr::V6(address) => network_v6(address),
    }
}

fn network_v4(address: Ipv4Addr) -> Network {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (127, ..) => Network::Loopback,
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Network::Private,
        (0, ..) // this network
        | (169, 254, _) // link-local
        | (192, 0, 0 | 2) // protocol assignments, documentation
        | (192, 31, 196) | (192, 175, 48) // AS112
        | (192, 52, 193) // AMT
        | (192, 88, 99) // 6to4 relays
        | (198, 18 | 19, _) // benchmarks
        | (198, 51, 100) | (203, 0, 113) // documentation
        | (224..=255, ..) // multicast, reserved, broadcast
        => Network::Never,
        _ => Network::Public,
    }
}

fn network_v6(address: Ipv6Addr) -> Network {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return network(IpAddr::V4(mapped));
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    let embedded = || {
        let ([w, x], [y, z]) = (g.to_be_bytes(), h.to_be_bytes());
        Ipv4Addr::new(w, x, y, z)
    };
    match (a, b) {
        (0, 0) if (c, d, e, f, g, h) == (0, 0, 0, 0, 0, 1) => Network::Loopback,
        // NAT64 (RFC 6052): where a network has no IPv4, the open internet has these. What a translator makes of a private one, nobody knows.
        (0x0064, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => match network(IpAddr::V4(embedded())) {
            Network::Public => Network::Public,
            _ => Network::Never,
        },
        (0xfc00..=0xfdff, _) => Network::Private,
        (0x2001, 0..=0x01ff) // protocol assignments, Teredo among them
        | (0x2001, 0x0db8) // documentation
        | (0x2002, _) // 6to4
        | (0x2620, 0x004f) // AS112
        | (0x3fff, 0..=0x0fff) // documentation
        => Network::Never,
        // Only 2000::/3 is given out.
        (0x2000..=0x3fff, _) => Network::Public,
        _ => Network::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_of_one_network() {
        let addresses = [
            "0.0.0.0",
            "8.8.8.8",
            "10.0.0.1",
            "11.0.0.1",
            "100.63.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "100.128.0.0",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.15.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "172.32.0.1",
            "192.0.0.192",
            "192.0.1.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "192.169.0.1",
            "198.17.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "223.255.255.255",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::2",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:8.8.8.8",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2001:4860:4860::8888",
            "2002:7f00:1::1",
            "2400:3200::1",
            "3fff:fff::1",
            "3fff:1000::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        let line = |address: &&str| {
            let network = format!("{:?}", network(address.parse().expect("an address"))).to_lowercase();
            format!("{address:<24} {network}\n")
        };
        expect_test::expect![[r#"
            0.0.0.0                  never
            8.8.8.8                  public
            10.0.0.1                 private
            11.0.0.1                 public
            100.63.255.255           public
            100.64.0.1               private
            100.100.100.200          never
            100.128.0.0              public
            127.0.0.1                loopback
            127.255.255.254          loopback
            168.63.129.16            never
            169.254.169.254          never
            172.15.0.1               public
            172.16.0.1               private
            172.31.255.255           private
            172.32.0.1               public
            192.0.0.192              never
            192.0.1.1                public
            192.0.2.1                never
            192.88.99.1              never
            192.168.1.1              private
            192.169.0.1              public
            198.17.0.1               public
            198.19.255.255           never
            198.51.100.7             never
            203.0.113.7              never
            223.255.255.255          public
            224.0.0.1                never
            240.0.0.1                never
            255.255.255.255          never
            ::                       never
            ::1                      loopback
            ::2                      never
            ::127.0.0.1              never
            ::ffff:127.0.0.1         loopback
            ::ffff:10.0.0.1          private
            ::ffff:169.254.169.254   never
            ::ffff:8.8.8.8           public
            ::ffff:0:127.0.0.1       never
            64:ff9b::127.0.0.1       never
            64:ff9b::10.0.0.1        never
            64:ff9b::169.254.169.254 never
            64:ff9b::8.8.8.8         public
            64:ff9b:1::8.8.8.8       never
            100::1                   never
            2001::1                  never
            2001:db8::1              never
            2001:4860:4860::8888     public
            2002:7f00:1::1           never
            2400:3200::1             public
            3fff:fff::1              never
            3fff:1000::1             public
            5f00::1                  never
            fc00::1                  private
            fd12:3456::1             private
            fd00:ec2::254            never
            fd20:ce::254             never
            fe80::1                  never
            fec0::1                  never
            ff02::1                  never
        "#]]
        .assert_eq(&addresses.iter().map(line).collect::<String>());
    }
}
