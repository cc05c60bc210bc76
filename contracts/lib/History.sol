// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice A span of blocks: `from` belongs to it, `until` does not; `until` is 0 while it lasts.
struct Interval {
    uint64 from;
    uint64 until;
}

/// @notice An append-only list of intervals. The newest one shares a slot with their count, so that
/// "is it in force now" costs one storage read; older ones are kept under their index for good, so
/// that a storage proof at any later block still shows them.
struct History {
    /// The newest interval, packed, and above it the number of intervals, this one included.
    uint256 newest;
    /// Older intervals by index. Packed: `from` in the low 64 bits, `until` in the next 64.
    mapping(uint256 index => uint256 packed) past;
}

using Histories for History global;

/// @title Histories
/// @notice Interval histories whose blocks are stamped here and never given by a caller.
/// @dev In force at block b iff `from <= b` and (`until == 0` or `b < until`). A closing therefore
/// wins over everything else in its block, and a right may not be opened again in that block.
library Histories {
    /// @notice The interval has been open since block `since`.
    error AlreadyInForce(uint64 since);
    /// @notice No interval is open.
    error NotInForce();
    /// @notice It was closed in this very block; the closing stands until the next block.
    error ClosedInThisBlock(uint64 blockNumber);

    uint256 private constant UNTIL_SHIFT = 64;
    uint256 private constant COUNT_SHIFT = 128;

    /// @notice Opens an interval of a right at this block.
    /// @dev Requires that none is open and that none was closed in this block.
    function open(History storage self) internal {
        uint256 newest = self.newest;
        uint256 count = newest >> COUNT_SHIFT;
        uint64 now_ = _blockNumber();
        if (count != 0) {
            Interval memory last = _unpack(newest);
            if (last.until == 0) revert AlreadyInForce(last.from);
            if (last.until == now_) revert ClosedInThisBlock(now_);
            self.past[count - 1] = uint128(newest);
        }
        self.newest = ((count + 1) << COUNT_SHIFT) | now_;
    }

    /// @notice Opens an interval of a restriction at this block.
    /// @dev A restriction must never have to wait: where one was closed in this block, the two
    /// adjoin, and the closed one goes on. Requires that none is open.
    function impose(History storage self) internal {
        uint256 newest = self.newest;
        uint64 now_ = _blockNumber();
        if (newest != 0 && _unpack(newest).until == now_) {
            self.newest = newest ^ (uint256(now_) << UNTIL_SHIFT);
        } else {
            open(self);
        }
    }

    /// @notice Closes the open interval at this block, which no longer belongs to it.
    function close(History storage self) internal {
        if (!inForce(self)) revert NotInForce();
        self.newest |= uint256(_blockNumber()) << UNTIL_SHIFT;
    }

    /// @notice Whether an interval is open now.
    /// @dev Blocks are stamped here, so an open interval has begun and a closed one is over: it is
    /// in force iff `from` is not 0 and `until` is.
    function inForce(History storage self) internal view returns (bool) {
        uint128 newest = uint128(self.newest);
        return newest != 0 && newest <= type(uint64).max;
    }

    /// @notice All intervals, oldest first.
    function intervals(History storage self) internal view returns (Interval[] memory list) {
        uint256 newest = self.newest;
        uint256 count = newest >> COUNT_SHIFT;
        list = new Interval[](count);
        if (count == 0) return list;
        for (uint256 i = 0; i < count - 1; ++i) {
            list[i] = _unpack(self.past[i]);
        }
        list[count - 1] = _unpack(newest);
    }

    function _unpack(uint256 packed) private pure returns (Interval memory) {
        return Interval(uint64(packed), uint64(packed >> UNTIL_SHIFT));
    }

    function _blockNumber() private view returns (uint64) {
        return SafeCast.toUint64(block.number);
    }
}
