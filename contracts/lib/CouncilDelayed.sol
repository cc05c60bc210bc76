// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ICouncilDelayed} from "../interfaces/ICouncilDelayed.sol";
import {HashChained} from "./HashChained.sol";

/// @title CouncilDelayed
/// @notice Acts of the council: announced, then made by the very same call after the delay.
abstract contract CouncilDelayed is ICouncilDelayed, HashChained {
    /// @notice Seconds for which an act may be carried out once its delay is over.
    uint64 public constant GRACE = 30 days;
    /// @notice The longest delay: past it the contract could not be steered at all.
    uint64 public constant MAX_DELAY = 30 days;

    address private _successor;
    uint64 private _closedAt;
    uint64 private immutable _delay;
    mapping(bytes32 act => uint64 eta) private _etas;

    constructor(uint64 delay_) {
        if (delay_ > MAX_DELAY) revert DelayTooLong(delay_);
        _delay = delay_;
    }

    /// @inheritdoc ICouncilDelayed
    function schedule(bytes calldata callData) external returns (bytes32 act) {
        _requireCouncil();
        if (_delay == 0) revert DelayIsZero();
        act = keccak256(callData);
        uint64 eta = _etas[act];
        if (eta != 0 && block.timestamp <= eta + GRACE) revert ActAlreadyScheduled(act, eta);
        eta = SafeCast.toUint64(block.timestamp) + _delay;
        _etas[act] = eta;
        _log(Scheduled.selector, act, abi.encode(callData, eta));
    }

    /// @inheritdoc ICouncilDelayed
    function cancel(bytes32 act) external {
        _requireCouncil();
        if (_etas[act] == 0) revert ActNotScheduled(act);
        delete _etas[act];
        _log(Cancelled.selector, act, "");
    }

    /// @inheritdoc ICouncilDelayed
    function close(address successor_) external {
        _consumeCouncilAct();
        if (successor_ == address(0)) revert ZeroAccount();
        // Logged first: a closed contract refuses here, still naming its true successor.
        _log(Closed.selector, _topic(successor_), "");
        _seal();
        _successor = successor_;
        _closedAt = SafeCast.toUint64(block.number);
    }

    /// @inheritdoc ICouncilDelayed
    function etaOf(bytes32 act) external view returns (uint64) {
        return _etas[act];
    }

    /// @inheritdoc ICouncilDelayed
    function successor() external view returns (address) {
        return _successor;
    }

    /// @inheritdoc ICouncilDelayed
    function closedAt() external view returns (uint64) {
        return _closedAt;
    }

    /// @inheritdoc ICouncilDelayed
    function delay() external view returns (uint64) {
        return _delay;
    }

    /// @inheritdoc ICouncilDelayed
    function council() public view virtual returns (address);

    /// @dev Lets the call go on if it is the council's and, where there is a delay, was announced
    /// with exactly these call data and is due. An announcement serves once.
    function _consumeCouncilAct() internal {
        _requireCouncil();
        if (_delay == 0) return;
        bytes32 act = keccak256(msg.data);
        uint64 eta = _etas[act];
        if (eta == 0) revert ActNotScheduled(act);
        if (block.timestamp < eta) revert ActTooEarly(act, eta);
        if (block.timestamp > eta + GRACE) revert ActExpired(act, eta);
        delete _etas[act];
    }

    /// @dev For the one council act that may not wait, suspension.
    function _requireCouncil() internal view {
        if (msg.sender != council()) revert NotCouncil(msg.sender);
    }

    function _refuse() internal view override {
        revert IsClosed(_successor);
    }
}
