// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

/// @notice A contract whose whole event log is committed to by one storage word.
interface IHashChained {
    /// @notice The hash over all events so far. It starts as
    /// `keccak256(abi.encode(chainId, contract))` and each event makes it
    /// `keccak256(head ‖ uint256(block number) ‖ topics ‖ data)`, topics and data being those of
    /// the log entry, so that a replayer needs no ABI.
    function head() external view returns (bytes32);
}
