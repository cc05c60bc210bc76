// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {IHashChained} from "../interfaces/IHashChained.sol";

/// @title HashChained
/// @notice Writes log entries and chains them into {head}.
/// @dev Contracts log through {_log} and never with `emit`: the bytes that are hashed are the bytes
/// that are logged, so no event can be missing from the chain or differ from what it commits to.
/// Nothing changes without an event, so a contract is closed by making it unable to log: its head
/// is put away. That costs the calls no storage read of their own.
abstract contract HashChained is IHashChained {
    /// @dev 0 once sealed.
    bytes32 private _head = keccak256(abi.encode(block.chainid, address(this)));
    /// @dev 0 until sealed.
    bytes32 private _finalHead;

    /// @inheritdoc IHashChained
    function head() external view returns (bytes32) {
        return _head == 0 ? _finalHead : _head;
    }

    /// @dev Ends the log for good.
    function _seal() internal {
        _finalHead = _head;
        _head = 0;
    }

    /// @dev Called where something is logged after {_seal}; must revert.
    function _refuse() internal view virtual;

    /// @dev Logs an event with one indexed argument.
    /// @param data the other arguments, ABI-encoded.
    function _log(bytes32 signature, bytes32 topic1, bytes memory data) internal {
        bytes memory entry = abi.encodePacked(_openHead(), block.number, signature, topic1, data);
        _head = keccak256(entry);
        // The logged data are the end of the hashed bytes: after the length word, head and block
        // number (3 words) and the topics.
        assembly ("memory-safe") {
            log2(add(entry, 160), mload(data), signature, topic1)
        }
    }

    /// @dev Logs an event with two indexed arguments.
    function _log(bytes32 signature, bytes32 topic1, bytes32 topic2, bytes memory data) internal {
        bytes memory entry =
            abi.encodePacked(_openHead(), block.number, signature, topic1, topic2, data);
        _head = keccak256(entry);
        assembly ("memory-safe") {
            log3(add(entry, 192), mload(data), signature, topic1, topic2)
        }
    }

    /// @dev Logs an event with three indexed arguments.
    function _log(
        bytes32 signature,
        bytes32 topic1,
        bytes32 topic2,
        bytes32 topic3,
        bytes memory data
    ) internal {
        bytes memory entry =
            abi.encodePacked(_openHead(), block.number, signature, topic1, topic2, topic3, data);
        _head = keccak256(entry);
        assembly ("memory-safe") {
            log4(add(entry, 224), mload(data), signature, topic1, topic2, topic3)
        }
    }

    function _openHead() private view returns (bytes32 head_) {
        head_ = _head;
        if (head_ == 0) _refuse();
    }

    /// @dev An address as an indexed argument.
    function _topic(address account) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }
}
