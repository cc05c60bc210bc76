// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {Vm, vm} from "./Vm.sol";

/// @notice Heads computed from the log alone, as a replayer does who has no ABI.
abstract contract Replay {
    mapping(address emitter => bytes32) internal _replayed;

    function _startReplay(address emitter) internal {
        _replayed[emitter] = keccak256(abi.encode(block.chainid, emitter));
    }

    /// @dev Folds in what was logged since recording began; all of it in the current block.
    function _replay() internal {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            bytes32[] memory topics = logs[i].topics;
            bytes memory entry = abi.encodePacked(_replayed[logs[i].emitter], block.number);
            for (uint256 j = 0; j < topics.length; ++j) {
                entry = bytes.concat(entry, topics[j]);
            }
            _replayed[logs[i].emitter] = keccak256(bytes.concat(entry, logs[i].data));
        }
    }
}
