//! What an address leads to. Addresses that hold another are what they hold.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is reached at an address; the later, the less may go there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// The internet.
    Public,
    /// A private network: RFC 1918, carrier-grade NAT, unique local addresses.
    Private,
    /// The link, where metadata services and routers answer.
    Link,
    /// A metadata service.
    Metadata,
    /// What no connection goes to: multicast, broadcast, unspecified, reserved, for documentation.
    Nowhere,
    /// This machine.
    Machine,
}

impl Reach {
    /// Returns what the reach is called in reasons.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Link => "link-local",
            Self::Metadata => "a metadata service's",
            Self::Nowhere => "no machine's",
            Self::Machine => "this machine's",
        }
    }
}

impl Reach {
    /// Returns what an address of this reach is, as in "it is a private address".
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Public => "a public address",
            Self::Private => "a private address",
            Self::Link => "a link-local address",
            Self::Metadata => "a metadata service's address",
            Self::Nowhere => "no machine's address",
            Self::Machine => "this machine's address",
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Blocks of version 4 that are not public. Of two that hold an address the longer counts.
const FOUR: [(Ipv4Addr, u32, Reach); 22] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, Reach::Machine),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Reach::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Reach::Private),
    (Ipv4Addr::new(100, 100, 100, 200), 32, Reach::Metadata),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Reach::Machine),
    (Ipv4Addr::new(168, 63, 129, 16), 32, Reach::Metadata),
    (Ipv4Addr::new(169, 254, 0, 0), 16, Reach::Link),
    (Ipv4Addr::new(169, 254, 169, 253), 32, Reach::Metadata),
    (Ipv4Addr::new(169, 254, 169, 254), 32, Reach::Metadata),
    (Ipv4Addr::new(169, 254, 170, 2), 32, Reach::Metadata),
    (Ipv4Addr::new(169, 254, 170, 23), 32, Reach::Metadata),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Reach::Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Reach::Nowhere),
    (Ipv4Addr::new(192, 0, 0, 192), 32, Reach::Metadata),
    (Ipv4Addr::new(192, 0, 2, 0), 24, Reach::Nowhere),
    (Ipv4Addr::new(192, 88, 99, 0), 24, Reach::Nowhere),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Reach::Private),
    (Ipv4Addr::new(198, 18, 0, 0), 15, Reach::Nowhere),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Reach::Nowhere),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Reach::Nowhere),
    (Ipv4Addr::new(224, 0, 0, 0), 4, Reach::Nowhere),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Reach::Nowhere),
];

/// Blocks of version 6 within the public one that are not public, and blocks outside it that have a reach.
const SIX: [(Ipv6Addr, u32, Reach); 9] = [
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 0), 127, Reach::Machine),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, Reach::Private),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, Reach::Nowhere),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, Reach::Nowhere),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, Reach::Nowhere),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, Reach::Private),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32, Reach::Metadata),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, Reach::Link),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, Reach::Private),
];

/// Returns the blocks that are not the internet's, as an address and its leading bits. What holds an address of version 4
/// in a way that only one of version 6 can show is among them, so that nothing in them has to be looked at closer.
pub fn closed_blocks() -> Vec<(IpAddr, u32)> {
    let four = FOUR.iter().map(|(block, bits, _)| (IpAddr::V4(*block), *bits));
    let six = SIX.iter().map(|(block, bits, _)| (IpAddr::V6(*block), *bits));
    // All but the block that is in use as the internet, and 6to4 in it.
    let outside = [
        (Ipv6Addr::UNSPECIFIED, 3),
        (Ipv6Addr::new(0x4000, 0, 0, 0, 0, 0, 0, 0), 2),
        (Ipv6Addr::new(0x8000, 0, 0, 0, 0, 0, 0, 0), 1),
        (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    ];
    let outside = outside.into_iter().map(|(block, bits)| (IpAddr::V6(block), bits));
    let all: Vec<(IpAddr, u32)> = outside.chain(four).chain(six).collect();
    // One within another says nothing more.
    let is_within = |inner: &(IpAddr, u32), outer: &(IpAddr, u32)| outer.1 < inner.1 && holds(*outer, inner.0);
    all.iter().filter(|block| !all.iter().any(|outer| is_within(block, outer))).copied().collect()
}

/// Returns true when a block holds an address of its version.
fn holds((block, bits): (IpAddr, u32), address: IpAddr) -> bool {
    let left = |address: IpAddr| match address {
        IpAddr::V4(four) => u128::from(four.to_bits()) << 96,
        IpAddr::V6(six) => six.to_bits(),
    };
    let cut = |address: IpAddr| left(address).checked_shr(128 - bits);
    block.is_ipv4() == address.is_ipv4() && cut(block) == cut(address)
}

/// Names that lead to metadata services or to this machine. No pattern with a star means them.
const INNER_NAMES: [&str; 5] =
    ["metadata.google.internal", "metadata", "instance-data", "instance-data.ec2.internal", "localhost"];

/// Returns true for a name that leads inside wherever it is looked up.
pub fn is_inner_name(name: &str) -> bool {
    INNER_NAMES.contains(&name) || name.ends_with(".localhost")
}

/// What the address check knows of this machine and its network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Surroundings {
    /// The addresses of this machine's interfaces.
    pub own: Vec<IpAddr>,
    /// Prefixes of 96 bits by which this network reaches version 4 from version 6.
    pub nat64: Vec<Ipv6Addr>,
}

impl Surroundings {
    /// Returns what an address leads to.
    pub fn reach(&self, address: IpAddr) -> Reach {
        let inner = match address {
            IpAddr::V4(four) => reach_four(four),
            IpAddr::V6(six) => self.reach_six(six),
        };
        let is_own = self.own.iter().any(|own| plain(*own) == plain(address));
        if is_own { Reach::Machine } else { inner }
    }

    fn reach_six(&self, address: Ipv6Addr) -> Reach {
        let block = longest(&SIX, |(block, bits, _)| (u128::from(*block), *bits), u128::from(address));
        let own = match block {
            Some(reach) => reach,
            // Only this block is in use as the internet.
            None if address.segments().first().is_some_and(|first| first & 0xe000 == 0x2000) => Reach::Public,
            None => Reach::Nowhere,
        };
        let (held, count) = self.held(address);
        let inner = held.iter().take(count).map(|four| self.reach(IpAddr::V4(*four))).max();
        inner.map_or(own, |inner| if self.is_translation(address) { inner } else { own.max(inner) })
    }

    /// Returns true for the forms that lead to the address of version 4 they hold, and nowhere else: mapped, and
    /// the prefixes of NAT64.
    fn is_translation(&self, address: Ipv6Addr) -> bool {
        let head = |address: Ipv6Addr| address.to_bits() >> 32;
        let known = [Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0)];
        known.iter().chain(&self.nat64).any(|prefix| head(*prefix) == head(address))
    }

    /// Returns the addresses of version 4 that one of version 6 holds.
    fn held(&self, address: Ipv6Addr) -> ([Ipv4Addr; 2], usize) {
        let [a, b, c, d, e, f, g, h] = address.segments();
        let last = join(g, h);
        let none = Ipv4Addr::UNSPECIFIED;
        match [a, b, c, d, e, f] {
            // Compatible and translated, which have fallen out of use.
            [0, 0, 0, 0, 0, 0] | [0, 0, 0, 0, 0xffff, 0] => ([last, none], 1),
            // 6to4.
            [0x2002, high, low, ..] => ([join(high, low), none], 1),
            // Teredo: the server, and the client with its bits turned.
            [0x2001, 0, high, low, ..] => ([join(high, low), join(!g, !h)], 2),
            // ISATAP.
            [_, _, _, _, 0 | 0x200, 0x5efe] => ([last, none], 1),
            _ if self.is_translation(address) => ([last, none], 1),
            _ => ([none, none], 0),
        }
    }
}

fn join(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
    }
}

fn reach_four(address: Ipv4Addr) -> Reach {
    let spread = |address: Ipv4Addr| u128::from(address.to_bits()) << 96;
    longest(&FOUR, |(block, bits, _)| (spread(*block), *bits), spread(address)).unwrap_or(Reach::Public)
}

/// Returns the reach of the longest block that holds an address, all written as 128 bits from the left.
fn longest<A>(
    table: &[(A, u32, Reach)],
    key: impl Fn(&(A, u32, Reach)) -> (u128, u32),
    address: u128,
) -> Option<Reach> {
    let holds = |row: &&(A, u32, Reach)| {
        let (block, bits) = key(row);
        block.checked_shr(128 - bits) == address.checked_shr(128 - bits)
    };
    table.iter().filter(holds).max_by_key(|row| row.1).map(|row| row.2)
}
