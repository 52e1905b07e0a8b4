//! Constants of RFC 9496 §4.1, in limbs of 29 bits. Tests compute each anew.

use super::field::Constant;

/// d = −121665/121666.
pub(super) const D: Constant = [
    0x1359_78a3,
    0x0f5a_6e50,
    0x1076_2add,
    0x0014_9a82,
    0x1e89_8007,
    0x003c_bbbc,
    0x19ce_331d,
    0x1dc5_6dff,
    0x0052_036c,
];
/// 2·d.
pub(super) const D2: Constant = [
    0x06b2_f159,
    0x1eb4_dca1,
    0x00ec_55ba,
    0x0029_3505,
    0x1d13_000e,
    0x0079_7779,
    0x139c_663a,
    0x1b8a_dbff,
    0x0024_06d9,
];
/// √−1.
pub(super) const SQRT_M1: Constant = [
    0x0a0e_a0b0,
    0x0770_d93a,
    0x0bf9_1e31,
    0x0630_0d5a,
    0x1d7a_72f4,
    0x004c_9efd,
    0x1c2c_ad34,
    0x1009_f83b,
    0x002b_8324,
];
/// √(−d − 1).
pub(super) const SQRT_AD_MINUS_ONE: Constant = [
    0x097b_2e1b,
    0x14bf_b502,
    0x1e15_2f5f,
    0x1b1c_1836,
    0x1d1f_daf9,
    0x1e64_98fa,
    0x02b0_3cf3,
    0x17e5_7069,
    0x0037_6931,
];
/// 1/√(−1 − d).
pub(super) const INVSQRT_A_MINUS_D: Constant = [
    0x005d_40ea,
    0x0e47_ed54,
    0x105c_afa6,
    0x1e2c_2eb4,
    0x1d84_09d2,
    0x1dc8_ff00,
    0x1288_5b09,
    0x00b9_f5ff,
    0x0078_6c89,
];
/// 1 − d².
pub(super) const ONE_MINUS_D_SQ: Constant = [
    0x145f_c176,
    0x13e0_4e0c,
    0x178d_43f8,
    0x0342_719a,
    0x0dfe_42c8,
    0x15ee_df38,
    0x035e_6652,
    0x1516_567c,
    0x0002_9072,
];
/// (d − 1)².
pub(super) const D_MINUS_ONE_SQ: Constant = [
    0x04ed_4d20,
    0x0d6a_d552,
    0x0786_664c,
    0x1c94_5960,
    0x14ee_bd29,
    0x0997_a94d,
    0x0905_3373,
    0x0f5e_cd84,
    0x0059_68b3,
];
